"""X-ray tomography with few photons: Noise2Inverse, a network that is trained on the noisy scan alone.

A foam absorbs X-rays; of 100 photons on average, a detector bin counts y ~ Poisson(100 exp(−p)), and −log(y / 100) is
its noisy line integral. The filtered back-projection spreads this noise over the whole image, so that no pixel can be
hidden from its neighbours. But the noise of different views is independent: of K = 4 interleaved parts of the views,
each is reconstructed by itself, and the network F predicts one from the mean of the others,

    min_θ Σ_j ‖F_θ(mean of x̃_i, i ≠ j) − x̃_j‖²,

which differs from the error against the noiseless x̃_j by the variance of the noise, whatever F is. The same network
then answers to its four inputs, and their mean is the image. Nobody has seen the truth but the last lines.
"""

import math

import torch

from pellucid.data.measurement import Measurement
from pellucid.data.simulate.foam import foam
from pellucid.methods.reconstruct.noise2inverse import noise2inverse
from pellucid.metrics import psnr
from pellucid.operators import Radon
from pellucid.training import Plan, fit

torch.set_num_threads(1)
rng = torch.Generator().manual_seed(0)
size, views, photons, attenuation = 96, 192, 100, 0.03  # attenuation per pixel

angles = math.pi * torch.arange(views) / views
integrals = torch.cat([attenuation * foam(40, rng, largest=0.3).sinogram(angles, size=size) for _ in range(4)])
counts = torch.poisson(photons * torch.exp(-integrals), generator=rng).clamp(min=1)
operator = Radon(angles[None], space=(size, size))
scan = Measurement(y=-torch.log(counts / photons).float(), operator=operator)

method = noise2inverse(scan, rng=torch.Generator().manual_seed(1), features=8, depth=2, rate=3e-3, patch=48)
(stage,) = method.stages
fit(stage.model, stage.objective, stage.source([scan]), Plan(steps=150, optimisers={"model": stage.adam}))

noiseless = operator.backproject(integrals.float())
with torch.no_grad():
    images = {"filtered back-projection": operator.backproject(scan.y), "Noise2Inverse": method.restorer(scan)}
found = {name: psnr(image, noiseless, attenuation) for name, image in images.items()}
for name, decibels in found.items():
    print(f"{name:25} PSNR {decibels:5.2f} dB")
assert found["Noise2Inverse"] > found["filtered back-projection"] + 5
