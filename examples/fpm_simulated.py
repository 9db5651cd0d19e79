"""Fourier ptychography: a star of fine spokes, from images that are too coarse to show it.

An LED at a time lights the object from another direction. A tilt of the light by k shifts the spectrum of the object,
so that the small aperture of the objective lets another part of it pass; the camera records an intensity,

    y_l = |F⁻¹(P · crop(F x, k_l))|² + noise.

No image alone resolves more than (NA + sin θ) / λ allows, and none has the phase. Alternating projections (embedded
pupil recovery, Ou et al. 2014) find the one object and the aberrated pupil P that explain all of them: its aperture is
the sum of that of the objective and of the light.
"""

import math

import torch

from pellucid.data.measurement import Measurement
from pellucid.noise import PoissonGaussian
from pellucid.operators.ptychography import illumination, microscope
from pellucid.restorers.embedded_pupil import EmbeddedPupil

torch.set_num_threads(1)
rng = torch.Generator().manual_seed(0)
NA, WAVELENGTH, PIXEL, SIDE, FINER, SPOKES = 0.1, 0.53, 1.3, 64, 3, 24  # micrometres

# 15 x 15 LEDs, 4 mm apart, 80 mm below a slide of 1 mm
leds = 4.0 * (torch.cartesian_prod(torch.arange(15), torch.arange(15)) - 7)
sines = illumination(leds, distance_mm=80.0, slide_mm=1.0)
lens = {"na": NA, "wavelength_nm": 1e3 * WAVELENGTH, "pixel_size_nm": 1e3 * PIXEL}
known = microscope(sines, (SIDE, SIDE), upsampling=FINER, **lens)

# the lens has an astigmatism that nobody knows of
f = (torch.arange(SIDE) - SIDE // 2) / (SIDE * PIXEL) / (NA / WAVELENGTH)
astigmatism = torch.exp(0.8j * (f[:, None] ** 2 - f[None, :] ** 2))
real = known.with_pupil(known.fields.complex_pupil(torch.zeros(1)) * astigmatism)

# a star that absorbs a little and delays the light by half a radian
size = SIDE * FINER
row, column = torch.meshgrid(torch.arange(size) - size / 2, torch.arange(size) - size / 2, indexing="ij")
radius, angle = torch.hypot(row, column) * PIXEL / FINER, torch.atan2(row, column)
spokes = (
    torch.sigmoid(8 * torch.sin(SPOKES * angle)) * torch.sigmoid(4 * (38 - radius)) * torch.sigmoid(4 * (radius - 3))
)
truth = ((1 - 0.3 * spokes) * torch.exp(0.5j * spokes))[None, None]

photons = 2000.0
noise = PoissonGaussian(gain=1 / photons, offset=0.0, sigma=1 / photons)
y = noise.sample(real(truth), rng).clamp(min=0)

given = Measurement(y=y, operator=known)
found, recovered = EmbeddedPupil().recover(given)
coarse = known.backproject(y)


def finest(image: torch.Tensor) -> float:
    """Return the finest period of the spokes, in micrometres, that an image shows with a fifth of their contrast."""
    resolved = math.inf
    for ring in torch.arange(36.0, 3.0, -0.5):
        on = (radius - ring).abs() < 0.4
        wave = torch.exp(1j * SPOKES * angle[on])
        contrast = [abs(complex((part[0, 0][on] * wave).mean())) for part in (image, truth.abs())]
        if contrast[0] < 0.2 * contrast[1]:
            break
        resolved = 2 * math.pi * float(ring) / SPOKES
    return resolved


whole = NA + float(torch.linalg.vector_norm(sines, dim=1).max())
before, after = finest(coarse.abs()), finest(found.abs())
print(f"finest spokes in the bright-field image: {before:.2f} um (one LED: {WAVELENGTH / NA:.2f} um)")
print(
    f"finest spokes after reconstruction:      {after:.2f} um (limit of the whole aperture {WAVELENGTH / whole:.2f} um)"
)
background = found[0, 0][radius > 39].mean()
delay = float((found[0, 0] / background).angle()[(spokes > 0.9) & (radius > 15)].median())
print(f"phase of the spokes: {delay:.2f} rad (truth 0.50)")
left = [
    float(torch.linalg.vector_norm(op(x) - y) / torch.linalg.vector_norm(y))
    for op, x in ((known, coarse), (recovered, found))
]
print(f"of the data unexplained: {left[0]:.3f} -> {left[1]:.3f}")
assert after < before / 2.5
assert abs(delay - 0.5) < 0.1
assert left[1] < 0.6 * left[0]
