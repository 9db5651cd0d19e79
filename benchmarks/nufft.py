"""What the non-uniform Fourier transform costs above the bare calls of finufft, with plans that are kept.

Eight images at once, one thread: 256 x 256 at 65,340 points (180 radial lines of 363), and 64 x 64 x 64 at 200,000
points anywhere. Both contenders run plans that are made once: `ours` is an operator called on tensors, `bare` are the
two plans on arrays with the same settings, `default` those plans as finufft makes them. They take turns; the least
time counts.

    python benchmarks/nufft.py [--rounds 15]
"""

import argparse
import math
from functools import partial

import finufft
import torch

from measuring import record
from measuring.turns import fastest
from pellucid.operators.nufft import NonUniformFourier
from table import show

COILS = 8


def radial(lines, samples):
    angles = math.pi * torch.arange(lines, dtype=torch.float64) / lines
    radii = 2 * math.pi * (torch.arange(samples) - samples // 2) / samples
    return torch.stack((angles.sin()[:, None] * radii, angles.cos()[:, None] * radii)).flatten(1)


def plans(points, space, dtype, **options):
    name = str(dtype).removeprefix("torch.")
    made = {
        kind: finufft.Plan(kind, space, COILS, 1e-6, 1 if kind == 1 else -1, name, nthreads=1, **options)
        for kind in (1, 2)
    }
    for plan in made.values():
        plan.setpts(*points.to(dtype.to_real()).numpy())
    return made


def measure(points, space, dtype, rounds):
    """Yield the row of each direction."""
    operator = NonUniformFourier(points[None], space=space)
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(1, COILS, *space, dtype=dtype, generator=rng)
    y = operator(x)
    same = {"upsampfac": 1.25, "showwarn": 0} if dtype == torch.complex64 else {}
    bare, default = plans(points, space, dtype, **same), plans(points, space, dtype)
    for direction, ours, kind, given, result in (
        ("forward", partial(operator, x), 2, x, y),
        ("adjoint", partial(operator.adjoint, y), 1, y, x.clone()),
    ):
        arrays = given[0].numpy(), result[0].numpy().copy()
        calls = {"bare": partial(bare[kind].execute, *arrays), "default": partial(default[kind].execute, *arrays)}
        seconds = fastest({"ours": ours} | calls, rounds)
        times = {name: 1e3 * value for name, value in seconds.items()}
        subject = {"image": " x ".join(map(str, space)), "precision": str(dtype).removeprefix("torch.")}
        yield subject | {"direction": direction} | times | {"ratio": times["ours"] / times["bare"], "rounds": rounds}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    print(__doc__)
    torch.set_num_threads(1)
    anywhere = 2 * math.pi * (torch.rand(3, 200_000, generator=torch.Generator().manual_seed(0)) - 0.5)
    cases = [(radial(180, 363), (256, 256)), (anywhere, (64, 64, 64))]
    record.write(
        "nufft",
        [
            row
            for points, space in cases
            for dtype in (torch.complex64, torch.complex128)
            for row in measure(points, space, dtype, rounds)
        ],
    )
    show("nufft")


if __name__ == "__main__":
    main()
