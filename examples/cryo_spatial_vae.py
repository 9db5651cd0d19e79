"""How each particle lies in its image, and how its shape varies, from noisy images alone.

A particle of two domains lies in the plane at any angle, off the centre, its arm bent more or less; every image is seen
through the contrast transfer function H of its own focus, in noise as strong as the signal. spatial-VAE explains all
images by one function g of the place and of a code z, which is turned and moved for each image:

    y = H g(Rᵀ(θ) (p − t), z) + n,    min −E_q log p(y | θ, t, z) + KL(q(θ, t, z | y) ‖ p)

An encoder finds q from each image. Nobody tells it angles, shifts or bends.
"""

import math

import torch

from pellucid._math.rotations import from_euler
from pellucid.data.measurement import Measurement
from pellucid.data.scans import Scans
from pellucid.data.simulate.proteins import Protein
from pellucid.methods.generate.spatial_vae import spatial_vae
from pellucid.noise import Gaussian
from pellucid.operators import Blur
from pellucid.operators.ctf import ctf
from pellucid.training import Plan, fit

torch.set_num_threads(1)

SIZE, COUNT = 16, 400
rng = torch.Generator().manual_seed(0)


def in_plane(angle):
    """Return RELION's rotation of an angle psi alone."""
    return from_euler(torch.tensor([0.0, 0.0, float(angle)]))


centres = torch.tensor([[0.0, 1, -4], [0, 1, -2], [0, 1, 0], [0, -1, 2], [0, -3, 2]])
whole = Protein(centres, torch.full((5,), 1.2), torch.tensor([8.0, 8, 5, 5, 5]))
arm, root = torch.arange(5) > 2, torch.tensor([0.0, 0.5, 1.0])
angles, bends = 2 * math.pi * torch.rand(COUNT, generator=rng), 0.5 * torch.randn(COUNT, generator=rng)
shifts = torch.randn(COUNT, 2, generator=rng)
clean = torch.cat(
    [
        whole.turned(arm, in_plane(bend), root).projections(SIZE, in_plane(angle)[None, None], shift[None, None])[
            :, :, 0
        ]
        for angle, bend, shift in zip(angles, bends, shifts, strict=True)
    ]
)
transfer = ctf(SIZE, pixel_size_angstrom=4.0, defocus_um=1 + torch.rand(COUNT, generator=rng))[:, None]
lens = Blur(torch.fft.fftshift(torch.fft.irfft2(transfer, s=(SIZE, SIZE)), (-2, -1)))
noise = Gaussian(float(lens(clean).std()))
recorded = Measurement(y=noise.sample(lens(clean), rng), operator=lens, noise=noise)

made = spatial_vae(recorded, rng=rng, latent=1, shift=1.0)
fit(made.model, made.objective, Scans([recorded], 32), Plan(steps=200, optimisers=made.optimisers))
poses = made.model.poses(recorded)

off = torch.polar(torch.ones(COUNT), poses.angle - angles).mean()
moved = [float(torch.corrcoef(torch.stack((poses.shift[:, k], shifts[:, k])))[0, 1]) for k in (0, 1)]
bent = abs(float(torch.corrcoef(torch.stack((poses.latent[:, 0], bends)))[0, 1]))
print(f"angles: resultant {float(off.abs()):.3f} (one where all are right)")
print(f"shifts: correlation with the truth {moved[0]:.3f} along rows, {moved[1]:.3f} along columns")
print(f"code:   correlation with the bend {bent:.3f}")
print(f"its deviations, in the median: angle {math.degrees(float(poses.spreads[:, 0].median())):.1f} degrees")
assert float(off.abs()) > 0.9
assert min(moved) > 0.8
