"""X-ray tomography with few angles and few photons: filtered back-projection, SIRT and total variation.

A foam absorbs X-rays. Of I photons on average, a detector bin counts y ~ Poisson(I exp(−p)), where p are the line
integrals of the attenuation x along parallel rays: p = H x, the Radon transform. What is reconstructed from is
−log(y / I). Here p is exact, from the chords of the voids, and not computed with the operator that inverts it.

Filtered back-projection is x̂ = H* W F p, with the ramp filter F and the angle W that each view stands for. SIRT
corrects an image by the errors of its rays, and total variation minimises

    ½ ‖p − H x‖² + λ Σ_i |∇x|_i;

λ and the number of iterations are chosen by how well they predict rays that were held out: nobody sees the truth.
"""

import math

import torch

from pellucid.data.measurement import Measurement
from pellucid.data.simulate.foam import foam
from pellucid.methods.reconstruct.fbp import fbp
from pellucid.methods.reconstruct.sirt import sirt
from pellucid.methods.reconstruct.tv import tv
from pellucid.metrics import psnr
from pellucid.operators import Radon

torch.set_num_threads(1)
rng = torch.Generator().manual_seed(0)
size, views, photons, attenuation = 128, 45, 2_000, 0.015  # attenuation per pixel

phantom = foam(30, rng, largest=0.25)
truth = attenuation * phantom.image(size).float()
angles = math.pi * torch.arange(views) / views
integrals = attenuation * phantom.sinogram(angles, size=size)
counts = torch.poisson(photons * torch.exp(-integrals), generator=rng).clamp(min=1)

scan = Measurement(y=-torch.log(counts / photons).float(), operator=Radon(angles[None], space=(size, size)))
found = {}
for method in (fbp, sirt, tv):
    made = method(scan, rng=torch.Generator().manual_seed(1))
    found[method.__name__] = float(psnr(made.restorer(scan), truth, attenuation))
    choice = getattr(made.restorer, "choice", None)
    chosen = f", chosen: {choice.strength:.3g}" if choice else ""
    print(f"{method.__name__:5} PSNR {found[method.__name__]:5.2f} dB{chosen}")
assert found["fbp"] < found["sirt"] < found["tv"]
