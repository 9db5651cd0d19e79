"""Localisation microscopy: microtubules from dyes that blink, one by one, and how well each can be placed.

A frame holds few bright emitters, so their images do not overlap. Each is the point spread function, integrated over
the pixels, on a background; a camera that multiplies electrons records it,

    z_ij = b + N · E_i(row) · E_j(column),    E_i(c) = ½ erf((i + ½ - c) / √2 σ) - ½ erf((i - ½ - c) / √2 σ),

and the position that makes the frame likeliest is better than the width of the image by the root of the number of
photons. The table of all positions, each drawn as a Gaussian of its precision, is an image sharper than the mean of the
frames. The precision is the Cramér-Rao bound, out of the derivative of the same operator.
"""

import torch
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d

from pellucid.data.localisations import Localisations
from pellucid.data.simulate.microtubules import blinking, filaments, labels, movie
from pellucid.noise import EMCCD
from pellucid.operators.smlm import Emitters

torch.set_num_threads(1)
rng = torch.Generator().manual_seed(1)
PIXEL, SIGMA, SIDE, FRAMES, BACKGROUND, ROI = 100.0, 120.0, 48, 1200, 8.0, 9
noise = EMCCD(gain=1.0, offset=0.0, sigma=0.1)  # in photons

chains = filaments(6, (SIDE * PIXEL, SIDE * PIXEL), rng, persistence_nm=8000.0)
sites = labels(chains, 15.0, rng)
inside = ((sites > 300) & (sites < SIDE * PIXEL - 300)).all(1)
truth = blinking(sites[inside], FRAMES, rng, bright=0.0015, photons=1500.0)
recording = movie(
    truth, FRAMES, rng, space=(SIDE, SIDE), pixel_size_nm=PIXEL, sigma_nm=SIGMA, background=BACKGROUND, noise=noise
)

# spots: local maxima of the smoothed frames, cut out with their surroundings
smooth = avg_pool2d(recording.frames, 3, 1, 1)
bright = (smooth == max_pool2d(smooth, 7, 1, 3)) & (smooth > BACKGROUND + 25)
bright[..., : ROI // 2, :] = bright[..., -(ROI // 2) :, :] = bright[..., : ROI // 2] = bright[..., -(ROI // 2) :] = (
    False
)
frame, _, top, left = bright.nonzero(as_tuple=True)
around = torch.arange(ROI) - ROI // 2
rows, columns = (top[:, None] + around)[:, :, None], (left[:, None] + around)[:, None, :]
spots = recording.frames[frame[:, None, None], 0, rows, columns][:, None]

# the likeliest row, column and number of photons of each
spot = Emitters(SIGMA / PIXEL, space=(ROI, ROI), background=BACKGROUND)
x = torch.tensor([ROI // 2, ROI // 2, 0.0]).repeat(len(spots), 1, 1)
x[:, 0, 2] = (spots - BACKGROUND).sum((1, 2, 3)).clamp(min=50)
unit = torch.stack([torch.ones_like(x[..., 0]), torch.ones_like(x[..., 0]), x[..., 2]], -1)
scaled = (x / unit).requires_grad_()
optimiser = torch.optim.Adam([scaled], lr=0.05)
for _ in range(60):
    mean = spot(scaled * unit)
    loss = ((spots - mean) ** 2 / noise.variance(mean) + noise.variance(mean).log()).sum()  # a normal approximation
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
x = (scaled * unit).detach()

# precision: the inverse of the Fisher information, J* V⁻¹ J
with torch.no_grad():
    derivative = spot.linearize(x)
    jacobian = torch.stack([derivative(torch.eye(3)[k].expand_as(x)).flatten(1) for k in range(3)], 2)
    weight = 1 / noise.variance(spot(x)).flatten(1)  # jacobian: (spot, pixel, parameter)
information = torch.einsum("spi,sp,spj->sij", jacobian, weight, jacobian)
bound = torch.linalg.inv(information).diagonal(dim1=1, dim2=2).sqrt()
precision = PIXEL * (bound[:, :2] ** 2).mean(1).sqrt()
positions = PIXEL * (x[:, 0, :2] - ROI // 2 + torch.stack([top, left], 1) + 0.5)
table = Localisations(frame=frame, positions_nm=positions, photons=x[:, 0, 2], precision_nm=precision)
table = table[(precision > 0) & (precision < 40)]

# how far from the nearest true emitter of the same frame, in units of the precision
apart = torch.cdist(table.positions_nm.double(), truth.positions_nm)
apart[table.frame[:, None] != truth.frame] = torch.inf
error = apart.amin(1) / table.precision_nm
alone = error < 5
print(f"{len(truth)} bright emitters, {len(table)} localised, {int(alone.sum())} of them within 5 standard deviations")
rms = float((error[alone] ** 2 / 2).mean().sqrt())
print(f"median precision {float(table.precision_nm.median()):.1f} nm, in spots of {SIGMA:.0f} nm")
print(f"error / precision {rms:.2f} (one, if the bound is reached)")

fine, finer = (SIDE * 5, SIDE * 5), PIXEL / 5
wide = interpolate(recording.frames.mean(0, keepdim=True), fine, mode="bilinear")
drawn = table.rendered(finer, fine, precision_nm=30.0)
axis = chains.reshape(-1, 2)
axis = axis[((axis > 300) & (axis < SIDE * PIXEL - 300)).all(1)]
aim = Localisations(frame=torch.zeros(len(axis)), positions_nm=axis).rendered(finer, fine, precision_nm=30.0)
likeness = [float(torch.corrcoef(torch.stack([a.flatten().double(), aim.flatten()]))[0, 1]) for a in (wide, drawn)]
print(f"correlation with the filaments: mean of the frames {likeness[0]:.2f}, drawn from the table {likeness[1]:.2f}")
assert 0.8 < rms < 1.3
assert likeness[1] > likeness[0] + 0.1
