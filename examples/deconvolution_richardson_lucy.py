"""A wide-field stack of cells, deconvolved: Wiener, Richardson-Lucy, and Richardson-Lucy with total variation.

A camera counts the photons of every plane, blurred by the microscope:

    y ~ Poisson(H x),    H x = psf * x.

The PSF is Gibson and Lanni's: oil immersion, cells in water, some micrometres below the coverslip. Richardson-Lucy goes
uphill on the likelihood of the counts,

    x ← x / H*1 · H*(y / H x),

and stops before it fits the noise; total variation divides by 1 - λ div(∇x / |∇x|) besides, and may go on for longer.
The object goes on around the stack: H sees a part of it, so that nothing rings at the edges.
"""

import torch

from pellucid.data.measurement import Measurement
from pellucid.data.simulate.cells import cells
from pellucid.methods import function
from pellucid.metrics import psnr
from pellucid.operators import Blur, Crop
from pellucid.operators.optics import Optics
from pellucid.operators.psf import gibson_lanni

torch.set_num_threads(1)
rng = torch.Generator().manual_seed(0)

optics = Optics(na=1.3, wavelength_nm=520, index=1.515, sample_index=1.36, depth_nm=2000)
psf = gibson_lanni((11, 31, 31), optics, pixel_size_nm=110, plane_spacing_nm=330).float()
colours = cells((24, 80, 80), rng, count=3, spacing=(3.0, 1.0, 1.0))
whole = 20 + 400 * colours[:, 1:].sum(1, keepdim=True)  # filaments and nuclei

blur = Blur(psf)
seen = Crop((24, 80, 80), (slice(5, 19), slice(15, 65), slice(15, 65)))
operator = seen @ blur
truth = seen(whole)
y = torch.poisson(operator(whole), generator=rng)
measurement = Measurement(y=y, operator=operator)
peak = float(truth.max() - truth.min())

print(f"{'blurred, noisy':34} {float(psnr(y.numpy(), truth.numpy(), peak)):5.2f} dB")
found = {}
for label, name, settings in (
    ("Wiener", "wiener", {"strength": 0.05}),
    ("Richardson-Lucy, 20 times", "rl", {"iterations": 20, "strength": 0.0}),
    ("Richardson-Lucy, 100 times", "rl", {"iterations": 100, "strength": 0.0}),
    ("the same with total variation", "rl", {"iterations": 100, "strength": 0.005}),
):
    method = function(name, "reconstruct")(measurement, rng=rng, **settings)
    image = seen(method.restorer(measurement))
    found[label] = float(psnr(image.numpy(), truth.numpy(), peak))
    print(f"{label:34} {found[label]:5.2f} dB")
assert found["the same with total variation"] == max(found.values())
