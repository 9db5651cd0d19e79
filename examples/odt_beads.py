"""Beads in light from a cone of directions: what no beam sees, and what positivity and total variation make of it.

A plane wave along s that meets an object of refractive index n scatters, to first order,

    û(κ) = i / (2 k_z) · f̂(k − k_m s),    f = k_m² ((n / n_m)² − 1),    k = (κ + k_m s_⊥, k_z), |k| = k_m,

so that each field is a cap of the object's Fourier space. Beams tilted by up to 40 degrees leave a cone around the
optical axis unseen: the direct inversion is too low in index and too long along z (survey, Fig. 10). Gerchberg and
Papoulis fill the cone by x ← C(x + B (y − Hx)), C the positive part; total variation by

    min_x ½‖y − Hx‖² + λ Σ_i |∇x|_i,    x ≥ 0.

The fields of balls are known in closed form, so nothing here computes both the data and the image with one formula.
"""

import math

import torch

from pellucid.data.measurement import Measurement
from pellucid.data.simulate.beads import Bead, fields, potential
from pellucid.methods.reconstruct.fbp import fbp
from pellucid.methods.reconstruct.gp import gp
from pellucid.methods.reconstruct.tv import tv
from pellucid.operators.diffraction import DiffractionTomography, Optics, refractive_index

torch.set_num_threads(1)
rng = torch.Generator().manual_seed(0)
medium, wavelength_nm, pixel_nm, size = 1.333, 532.0, 120.0, 48
optics = Optics(wavenumber=2 * math.pi * medium * pixel_nm / wavelength_nm, aperture=0.8)
beads = [Bead((0.0, 0.0, 0.0), 7.0, 1.353), Bead((-4.0, -12.0, 12.0), 4.0, 1.363)]

# sixteen beams on each of two cones, and one along the axis
turn = torch.arange(16, dtype=torch.float64) * (2 * math.pi / 16)
cones = [
    (math.cos(t), math.sin(t) * turn.sin(), math.sin(t) * turn.cos()) for t in (math.radians(20), math.radians(40))
]
beams = torch.cat([torch.eye(3).double()[:1]] + [torch.stack([z + 0 * turn, y, x], 1) for z, y, x in cones])
operator = DiffractionTomography.illuminated(beams, optics, space=(size,) * 3, detector=(size, size))

y = fields(beads, operator, medium).to(torch.complex64)
y = y + 0.01 * y.abs().max() * torch.randn(y.shape, dtype=y.dtype, generator=rng)
given = Measurement(y=y, operator=operator)
truth = refractive_index(potential(beads, optics.wavenumber, medium, (size,) * 3)[0, 0], optics.wavenumber, medium)


def length(image, axis):
    """Return how far the large bead reaches along an axis: the width at half of its contrast."""
    profile = (image - medium).movedim(axis, 0)[:, size // 2, size // 2]
    return int((profile > 0.5 * profile[size // 2 - 2 : size // 2 + 2].mean()).sum())


methods = {
    "direct": fbp(given, rng=rng),
    "gp": gp(given, rng=rng, iterations=60),
    "tv": tv(given, rng=rng, strength=3e-3, positive=True, iterations=80),
}
print(f"{'':8} {'index':>7} {'length in z':>12} {'in x':>5} {'RMS error':>10}")
print(f"{'true':8} {beads[0].index:7.4f} {14:12} {14:5}")
errors, contrast = {}, {}
for name, method in methods.items():
    image = refractive_index(method.restorer(given)[0, 0], optics.wavenumber, medium)
    inside = float(
        image[size // 2 - 2 : size // 2 + 2, size // 2 - 2 : size // 2 + 2, size // 2 - 2 : size // 2 + 2].mean()
    )
    errors[name], contrast[name] = float((image - truth).square().mean().sqrt()), inside - medium
    print(f"{name:8} {inside:7.4f} {length(image, 0):12} {length(image, 2):5} {errors[name]:10.5f}")

assert contrast["direct"] < contrast["gp"] < 1.1 * (beads[0].index - medium)
assert errors["tv"] < errors["gp"] < errors["direct"]
