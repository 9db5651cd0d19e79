"""Training overhead: what `fit` leaves of the speed of the bare network.

Noise2Void with its defaults, 64 x 64 patches of a 512 x 512 image with some weights, on two threads of the CPU, in
the precision that `pellucid denoise` chooses on this machine. `fit` and the network alone (the same U-Net, weights,
layout, precision, loss and fused Adam, on a batch that is ready) take turns, and the ratio of steps per second is
taken in every round; the table gives its median. Validation, a few percent of a real training, is in neither.

    python benchmarks/training_overhead.py [--batch 16 128] [--rounds 7] [--seconds 4]
"""

import argparse

import torch

from measuring import record
from measuring.bare import Contest
from pellucid.data.measurement import Measurement
from pellucid.methods.noise2void import noise2void
from pellucid.operators import Identity
from pellucid.workflows.options import training_precision
from table import show


def measure(batch, rounds, seconds):
    """Return the row of one batch size."""
    rng = torch.Generator().manual_seed(0)
    y = torch.randn(1, 1, 512, 512, generator=rng)
    data = Measurement(y=y, operator=Identity(), weight=torch.ones_like(y, dtype=torch.bool))
    (stage,) = noise2void(data, rng=rng, batch=batch).stages
    precision = training_precision(y.device)
    contest = Contest(stage, data, precision)
    return {"batch": batch, "precision": str(precision or y.dtype).removeprefix("torch.")} | contest.run(
        rounds, seconds
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, nargs="+", default=[16, 128])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each turn, about")
    chosen = parser.parse_args()
    print(__doc__)
    torch.set_num_threads(2)
    record.write("training_overhead", [measure(batch, chosen.rounds, chosen.seconds) for batch in chosen.batch])
    show("training_overhead")


if __name__ == "__main__":
    main()
