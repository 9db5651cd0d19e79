"""A protein in two conformations, from noisy images of single particles whose poses are known.

An electron microscope records the projection of a particle that lies in the ice any way round. By the central-slice
theorem the Fourier transform of the image is a plane through the origin of that of the density x, times the contrast
transfer function of the lens and the phase of a shift:

    ŷ_v(k) = C_v(k) exp(−2πi k·t_v) x̂(R_vᵀ (0, k)) + noise

C changes its sign over and over, so the plain adjoint, a sum of what the images show, is no density. Where R, t and C
are known, least squares puts all planes back together, each weighted by what its lens passed:

    x = argmin_x ½‖y − Hx‖² + μ/2 ‖x‖²

by conjugate gradients; μ is the variance of the noise over that of the density. The noise has three times the variance
of the images. The phantom's projections are exact, not
those of a grid, and the result is compared with the exact density by Fourier shell correlation.
"""

import torch

from pellucid.data.simulate.proteins import opened, particles, protein
from pellucid.metrics import fsc, resolution
from pellucid.solvers import conjugate_gradient

torch.set_num_threads(1)

SIZE, PIXEL, COUNT = 32, 4.0, 600  # pixels, angstrom a pixel, particles of each conformation

closed = protein(SIZE, torch.Generator().manual_seed(0))
proteins = {"closed": closed, "open": opened(closed, SIZE)}
truths = {name: blobs.volume(SIZE) for name, blobs in proteins.items()}


def detail(image, truth):
    """Return the finest detail in angstrom that agrees with the truth: where the FSC falls to one half."""
    return PIXEL * resolution(*fsc(image[0, 0], truth[0, 0]), threshold=0.5)


def correlation(image, truth):
    return float((image * truth).sum() / (image.norm() * truth.norm()))


print(f"{'conformation':14}{'':12}{'correlation':>12}{'FSC 0.5':>10}{'with the other':>16}")
for name, blobs in proteins.items():
    recorded = particles(blobs, SIZE, COUNT, torch.Generator().manual_seed(1), pixel_size_angstrom=PIXEL, snr=0.3)
    operator, y = recorded.operator, recorded.y
    b = operator.adjoint(y)
    mu = float(recorded.noise.sigma**2 / truths[name].square().mean())
    images = {
        "adjoint": b,
        "direct": operator.backproject(y),
        "cg": conjugate_gradient(lambda x, h=operator, mu=mu: h.normal(x) + mu * x, b, iterations=15),
    }
    (other,) = (truth for key, truth in truths.items() if key != name)
    for method, image in images.items():
        right, wrong = correlation(image, truths[name]), correlation(image, other)
        print(f"{name:14}{method:12}{right:12.3f}{detail(image, truths[name]):8.1f} Å{wrong:16.3f}")
    found = {method: correlation(image, truths[name]) for method, image in images.items()}
    assert max(found, key=found.get) == "cg"
    assert found["cg"] > correlation(images["cg"], other) + 0.3
