"""Training and the same network alone, timed in turns: what is left of its speed when all the rest is done."""

import statistics
import time
from dataclasses import dataclass

import torch

from pellucid.data.patches import Patches
from pellucid.data.source import Step
from pellucid.training import Plan, fit


@dataclass(frozen=True)
class Contest:
    """`fit` on a stage against its network alone, on ready patches.

    Both train the same weights, in the same layout and precision, with fused Adam and the squared error of the
    hidden pixels. The network alone sees one batch, hidden pixels replaced, again and again; `fit` also draws
    patches and masks, replaces pixels, sets the rate, averages weights, logs, and asks whether to stop.
    """

    stage: object
    data: object
    precision: torch.dtype | None

    @property
    def device(self):
        return self.data.y.device

    @property
    def source(self):
        return Patches(data=self.data, patch=self.stage.patch, batch=self.stage.batch)

    def fit(self, steps):
        """Return the seconds that `fit` needs."""
        plan = Plan(steps=steps, optimisers={"model": self.stage.adam}, precision=self.precision)
        start = clock(self.device)
        fit(self.stage.model, self.stage.objective, self.source, plan)
        return clock(self.device) - start

    def bare(self, steps):
        """Return the seconds that the network alone needs."""
        rng = torch.Generator(self.device).manual_seed(0)
        given, held = self.stage.objective.split(self.source.draw(Step(0, 0.0, rng)), rng)
        network = self.stage.model.network
        optimiser = torch.optim.Adam(network.parameters(), lr=self.stage.adam.rate, fused=True)
        start = clock(self.device)
        for _ in range(steps):
            with torch.autocast(self.device.type, self.precision, enabled=self.precision is not None):
                explained = network(given.y)
            loss = ((explained.float() - held.y).square() * held.weight).sum() / held.weight.sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        return clock(self.device) - start

    def run(self, rounds, seconds):
        """Return steps and the median steps/s of both, and the median, least and largest ratio of the rounds."""
        self.fit(3), self.bare(3)
        steps = max(3, round(3 * seconds / self.bare(3)))
        times = [(self.fit(steps), self.bare(steps)) for _ in range(rounds)]
        ratios = [bare / ours for ours, bare in times]
        ours, bare = (steps / statistics.median(t) for t in zip(*times, strict=True))
        return {
            "rounds": rounds,
            "steps": steps,
            "fit": ours,
            "bare": bare,
            "ratio": statistics.median(ratios),
            "least": min(ratios),
            "largest": max(ratios),
        }


def clock(device):
    """Return the time in seconds once the device has done its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
