"""The Radon transform against the calls it contains and against scikit-image: speed, and error of analytic phantoms.

Speed: 256 x 256, 180 angles, single precision, one thread. `calls` are the executions of the finufft plan and the FFTs
of its own size that the operator runs, bare, on arrays that are ready; `skimage` is `radon` and `iradon` (without
filter for the adjoint; linear interpolation) on 256 detector bins. They take turns; the least time counts. The largest
buffer of the operator is counted in images.

Accuracy: phantoms as means over 256 x 256 pixels, against their exact sinogram of 180 angles, mean over every bin;
relative error in the 2-norm. Back-projection: of the exact sinogram, RMS error within the inscribed circle (radius
0.95), of the range.

    python benchmarks/radon.py [--rounds 15]
"""

import argparse
import warnings
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from skimage.transform import iradon, radon

from measuring import record
from measuring.turns import fastest
from pellucid.data.simulate.ellipses import random_ellipses, shepp_logan
from pellucid.data.simulate.foam import foam
from pellucid.operators.radon import Radon
from table import show

SIZE, ANGLES = 256, 180
DEGREES = np.arange(ANGLES) * 180 / ANGLES
THETA = torch.from_numpy(np.deg2rad(DEGREES))


def bare(operator, x, y):
    """Return the calls that `operator` contains, on arrays that are ready."""
    plan = next(iter(operator.fourier._plans.values())).plan
    image = x[0].to(torch.complex64).numpy()
    slices = np.zeros((1, operator.fourier.points.shape[2]), np.complex64)
    back = np.zeros_like(image)
    spectrum = torch.from_numpy(slices).view(1, 1, ANGLES, -1)

    def forward():
        plan.execute(image, slices)
        torch.fft.irfft(spectrum, operator.period)

    def adjoint():
        torch.fft.rfft(y, operator.period)
        plan.execute_adjoint(slices, back)

    return {"forward": forward, "adjoint": adjoint}


def speed(detector, rounds):
    operator = Radon(THETA[None], space=(SIZE, SIZE), detector=detector)
    x = shepp_logan().image(SIZE).float()
    with torch.no_grad():
        y = operator(x)
        operator.adjoint(y)
        calls = bare(operator, x, y)
        circle = detector == SIZE
        image, sinogram = x[0, 0].numpy(), y[0, 0].numpy().T
        theirs = {
            "forward": partial(radon, image, DEGREES, circle=circle),
            "adjoint": partial(iradon, sinogram, DEGREES, filter_name=None, circle=circle, output_size=SIZE),
        }
        buffers = max(b.numel() * b.element_size() for b in operator.buffers()) / (4 * SIZE**2)
        for direction, ours in (("forward", partial(operator, x)), ("adjoint", partial(operator.adjoint, y))):
            seconds = fastest({"ours": ours, "calls": calls[direction]}, rounds)
            seconds |= fastest({"skimage": theirs[direction]}, 2)
            times = {name: 1e3 * value for name, value in seconds.items()}
            ratios = {"ratio": times["ours"] / times["calls"], "faster": times["skimage"] / times["ours"]}
            yield {"detector": detector, "direction": direction} | times | ratios | {"buffer": buffers}


def accuracy():
    rng = torch.Generator().manual_seed(0)
    phantoms = {"Shepp-Logan": shepp_logan(), "ellipses": random_ellipses(12, rng), "foam": foam(60, rng)}
    line = torch.arange(SIZE) - (SIZE - 1) / 2
    seen = torch.hypot(line[:, None], line) < 0.95 * SIZE / 2
    for name, phantom in phantoms.items():
        operator = Radon(THETA[None], space=(SIZE, SIZE))
        image, exact = phantom.image(SIZE), phantom.sinogram(THETA, size=SIZE)
        odd = torch.nn.functional.pad(image, (0, 1, 0, 1))  # skimage turns about a pixel: the middle, half a pixel off
        theirs = torch.from_numpy(radon(odd[0, 0].numpy(), DEGREES, circle=False).T.copy())
        half = phantom_shifted(phantom, THETA, theirs.shape[1])
        off = (operator.backproject(exact) - image)[0, 0, seen] / (image.max() - image.min())
        yield {
            "phantom": name,
            "ours": rel(operator(image), exact),
            "skimage": rel(theirs, half),
            "back": float(off.square().mean().sqrt()),
        }


def phantom_shifted(phantom, theta, detector):
    """Return the exact sinogram about the pixel at the lower right of the middle, as skimage has it."""
    moved = replace(phantom, centres=phantom.centres + phantom.centres.new_tensor([-1.0, 1.0]) / SIZE)
    return moved.sinogram(theta, size=SIZE, detector=detector, centre=float(detector // 2))[0, 0]


def rel(found, exact):
    return float(torch.linalg.vector_norm(found - exact) / torch.linalg.vector_norm(exact))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    print(__doc__)
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", "Radon transform: image must be zero")
    record.write("radon_speed", [row for detector in (SIZE, 363) for row in speed(detector, rounds)])
    record.write("radon_accuracy", accuracy())
    show("radon_speed")
    show("radon_accuracy")


if __name__ == "__main__":
    main()
