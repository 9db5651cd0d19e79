"""Radial scans of many heads, each scanned twice, none of them fully: an image learned from the scans alone.

The spokes of the second scan lie elsewhere, by the golden angle, and their noise is independent of the first:

    y = H x + w,    y′ = H′ x + w′.

A network F that sees (y, H) is asked what the second scan recorded, through the instrument of the second scan,

    min_θ E Σ_j d_j |y′ − H′ F_θ(y; H)|²_j,

with d the density compensation of the spokes. As H′ varies, E H′* d H′ is nearly the identity, and so the minimiser is
nearly that of min E‖F(y; H) − x‖², for which one would need the images. At last F is given both scans.
"""

import torch

from pellucid.data.measurement import Measurement, Repeated
from pellucid.data.prepare.density import density_compensation
from pellucid.data.simulate.brains import random_brain
from pellucid.data.simulate.coils import birdcage_coils
from pellucid.methods.reconstruct.cg import cg
from pellucid.methods.reconstruct.noise2noise import Together, noise2noise
from pellucid.operators.mri import CoilMaps
from pellucid.operators.nufft import NonUniformFourier
from pellucid.operators.trajectories import GOLDEN_ANGLE, radial_trajectory
from pellucid.training import Plan, fit

torch.set_num_threads(1)
rng = torch.Generator().manual_seed(0)
size, spokes, coils = 36, 8, CoilMaps(birdcage_coils(4, (36, 36)))


def scan(x, first):
    """Return eight noisy spokes, from this one on."""
    points = radial_trajectory(2 * size, GOLDEN_ANGLE * (first + torch.arange(spokes)), centre=size)
    density = density_compensation(points, (size, size))
    operator = NonUniformFourier(points, space=(size, size), eps=1e-4, density=density) @ coils
    y = operator(x)
    return Measurement(y=y + 0.05 * torch.randn(y.shape, dtype=y.dtype, generator=rng), operator=operator)


def psnr(image, truth):
    return float(10 * torch.log10(truth.abs().amax() ** 2 / (image - truth).abs().square().mean()))


# twelve heads to learn from, of which nobody keeps the truth, and one more
heads = [random_brain(size, rng) for _ in range(13)]
*pairs, new = [Repeated.of((scan(x, 100 * n), scan(x, 100 * n + spokes))) for n, x in enumerate(heads)]

# what least squares make of both scans, with the strength that is best in hindsight
both = Measurement(y=torch.cat([s.y for s in new.shots], 1), operator=Together([s.operator for s in new.shots]))
images = [cg(both, rng=rng, strength=strength).restorer(both) for strength in (1e-3, 2e-3, 5e-3, 1e-2)]
sense = max(psnr(image, heads[-1]) for image in images)
print(f"CG-SENSE, best strength        PSNR {sense:.1f} dB")

method = noise2noise(pairs[0], rng=torch.Generator().manual_seed(0), preset="lite")
(stage,) = method.stages
for steps in (0, 240):
    if steps:
        fit(stage.model, stage.objective, stage.source(pairs), Plan(steps=steps, optimisers={"model": stage.adam}))
    with torch.no_grad():
        learned = psnr(method.restorer(new), heads[-1])
    print(f"Noise2Noise after {steps:3} steps    PSNR {learned:.1f} dB")

assert learned > sense + 1
