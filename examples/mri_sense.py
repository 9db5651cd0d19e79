"""A quarter of k-space, eight coils, no reference: SENSE, and what a prior adds to it.

Coil c sees the image x through its sensitivity s_c, and the scanner records some samples M of its Fourier transform,

    y_c = M F s_c x + w_c.

The centre of k-space was sampled fully, and from it ESPIRiT learns the sensitivities. Then the image is

    min_x ½ Σ_c ‖y_c − M F s_c x‖² + λ R(x)      (survey eq. 2)

with R = ½‖x‖² (conjugate gradients), total variation or wavelets, and λ is the one that predicts held-out samples of
k-space best. Nothing is trained, and the truth is used for nothing but the last column.
"""

import torch

from pellucid.data.measurement import Measurement
from pellucid.data.prepare.calibration import acquired
from pellucid.data.prepare.coils import coil_maps
from pellucid.data.simulate.coils import birdcage_coils
from pellucid.data.simulate.ellipses import shepp_logan
from pellucid.data.simulate.sampling import poisson_disc
from pellucid.methods.reconstruct.adjoint import adjoint
from pellucid.methods.reconstruct.cg import cg
from pellucid.methods.reconstruct.tv import tv
from pellucid.methods.reconstruct.wavelet import wavelet
from pellucid.metrics import psnr
from pellucid.operators import Sense

torch.set_num_threads(1)
rng = torch.Generator().manual_seed(0)

# the scan: a head between eight wires, every fourth sample, noise
truth = shepp_logan().image(96).to(torch.complex64)
coils = birdcage_coils(8, (96, 96))
mask = poisson_disc((96, 96), 4, 20, rng)
y = Sense(coils, mask)(truth)
y = y + 0.02 * mask * torch.randn(y.shape, dtype=y.dtype, generator=rng)

# what a reconstruction may see: y alone
maps = coil_maps(y)
scan = Measurement(y=y, operator=Sense(maps, acquired(y)))

# ESPIRiT leaves open one phase for each pixel, so magnitudes are compared, where the maps see an object
seen = torch.linalg.vector_norm(maps, dim=1, keepdim=True)
quality = {}
for method in (adjoint, cg, wavelet, tv):
    image = method(scan, rng=rng).restorer(scan)
    left = torch.linalg.vector_norm(y - scan.operator(image)) / torch.linalg.vector_norm(y)
    quality[method.__name__] = float(psnr((image * seen).abs().numpy(), truth.abs().numpy(), 1.0))
    print(f"{method.__name__:8} leaves {100 * left:4.1f} % of the data   PSNR {quality[method.__name__]:.1f} dB")

assert quality["tv"] > quality["cg"] + 3 > quality["adjoint"] + 3
