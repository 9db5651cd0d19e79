"""Does a critic read statistical distances off samples? Each divergence between two Gaussians, against its closed form.

P = N(0, 1) is the data, Q = N(0.5, 1.2²) a model that does not move; W1 is between N(0, 1) and N(0.5, 1), with a
gradient penalty of weight λ = 10: it is a spring, not a wall, and lets the slope grow by about shift / 2λ. A critic of
1-64-64-1 units learns through `fit` from 1024 fresh numbers of each a step. `estimate` is its bound on 2^20 fresh
numbers of each; `integral` the same bound with exact expectations, which for an f-divergence is below the closed form.
JS is twice the usual one, GAN is JS − log 4. Single thread.

    python benchmarks/divergences.py [--steps 300]
"""

import argparse
import math
import time
from dataclasses import dataclass

import torch
from torch import nn

from measuring import record
from pellucid.data.measurement import Measurement
from pellucid.networks import initialise
from pellucid.objectives.adversarial import StatisticalDistance
from pellucid.objectives.divergences import DIVERGENCES
from pellucid.operators import Identity
from pellucid.training import Adam, Plan, fit
from table import show

P, Q, SHIFTED = (0.0, 1.0), (0.5, 1.2), (0.5, 1.0)
CLOSED = {"kl": 0.116349, "reverse_kl": 0.162678, "pearson": 0.199597, "neyman": 0.740228}
CLOSED |= {"hellinger": 0.066624, "js": 0.064194, "gan": -1.322101, "wasserstein": 0.5}


@dataclass(frozen=True)
class Normal:
    """A source of N(mean, deviation²), 1024 numbers a step."""

    mean: float
    deviation: float

    def sample(self, count, rng):
        return self.mean + self.deviation * torch.randn(count, 1, generator=rng)

    def draw(self, step):
        return Measurement(y=self.sample(1024, step.rng), operator=Identity())

    def density(self, x):
        return (-(((x - self.mean) / self.deviation) ** 2) / 2).exp() / (self.deviation * math.sqrt(2 * math.pi))


class Model(nn.Module):
    """What makes Q: its parameters are not trained."""

    def __init__(self, normal):
        super().__init__()
        self.normal, self.place = normal, nn.Parameter(torch.zeros(1), requires_grad=False)


def measure(name, steps):
    """Return one row."""
    p, q = Normal(*P), Normal(*(SHIFTED if name == "wasserstein" else Q))
    divergence, rng = DIVERGENCES[name], torch.Generator().manual_seed(0)
    critic = nn.Sequential(nn.Linear(1, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 1))
    penalty = 10.0 if name == "wasserstein" else 0.0

    def made(model, batch, rng):
        return model.normal.sample(len(batch.y), rng)

    objective = StatisticalDistance(initialise(critic, rng), made, divergence, penalty=penalty)
    plan = Plan(steps=steps, optimisers={"critic": Adam(rate=3e-3), "model": Adam()})
    start = time.perf_counter()
    fit(Model(q), objective, p, plan)
    seconds = time.perf_counter() - start
    x = torch.linspace(-12, 12, 24001).unsqueeze(1)
    with torch.no_grad():
        v = critic(x)
        exact = (p.density(x) * divergence.real(v) - q.density(x) * divergence.fake(v)).sum() * (x[1] - x[0])
        estimate = divergence.bound(*(critic(side.sample(1 << 20, rng)) for side in (p, q)))
    off = float(estimate) / CLOSED[name] - 1
    row = {"divergence": name, "closed": CLOSED[name], "estimate": float(estimate), "error": off}
    return row | {"integral": exact.item(), "steps": steps, "seconds": seconds}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    chosen = parser.parse_args()
    print(__doc__)
    torch.set_num_threads(1)
    rows = []
    for name in CLOSED:
        rows.append(measure(name, chosen.steps))
        print(rows[-1], flush=True)
    record.write("divergences", rows)
    show("divergences")


if __name__ == "__main__":
    main()
