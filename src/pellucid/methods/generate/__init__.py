"""Published generative methods: one file each, which holds a function of its own name.

Those for particles, or for two folders of images, belong to `pellucid particles` and `pellucid translate`. The others
are trained from Python, on images (or measurements of them) as one tensor of float32, (image, channel, *space), of
intensities of order one; of larger images they learn patches. `pellucid.open(file).data[...]` is an array.

>>> import torch
>>> from pellucid import Gaussian, Identity, Measurement, Plan, fit
>>> from pellucid.data.patches import Patches
>>> from pellucid.methods import function
>>> def trained(made, data, steps=2):  # thousands of steps, or Plan(seconds=600)
...     plan = Plan(steps=steps, optimisers=made.optimisers, averaging=made.averaging)
...     fit(made.model, made.objective, Patches(data=data, patch=(16, 16), batch=8), plan)
...     return made.model
>>> rng = torch.Generator().manual_seed(0)
>>> clean = Measurement(y=torch.rand(20, 1, 32, 24, generator=rng), operator=Identity())

`gan`, `f_gan` and `w_gan` draw images such as these; `ambient_gan` draws what lies behind measurements through
instruments at random; `vae`, which must know the noise, restores too:

>>> trained(function("w_gan", "generate")((1, 16, 16), rng), clean).sample(3, rng).shape
torch.Size([3, 1, 16, 16])
>>> from pellucid.operators.random import DroppedPixels
>>> instrument = DroppedPixels((16, 16), 0.5)
>>> dropped = Measurement(y=instrument.draw(20, rng)(clean.y[..., :16, :16]), operator=Identity())
>>> trained(function("ambient_gan", "generate")((1, 16, 16), rng, instrument=instrument), dropped).sample(3, rng).shape
torch.Size([3, 1, 16, 16])
>>> noisy = Measurement(y=clean.y[..., :16, :16], operator=Identity(), noise=Gaussian(0.1))
>>> model = trained(function("vae", "generate")(noisy, rng=rng, features=4), noisy)
>>> model.sample(3, rng).shape, model(noisy).shape
(torch.Size([3, 1, 16, 16]), torch.Size([20, 1, 16, 16]))

A score model is asked through `Diffusion`; `examples/score_one_checkpoint.py` denoises, fills in and deblurs with one:

>>> from pellucid.restorers.diffusion import Diffusion
>>> model = trained(function("score_model", "generate")(clean, rng=rng, features=4), clean)
>>> Diffusion(model, model.levels(3)).sample((3, 1, 16, 16), rng).shape
torch.Size([3, 1, 16, 16])
"""
