"""Two processes, launched as `torchrun` launches them, against one; this file is what they run."""

import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import nn

from pellucid._math import ranks
from pellucid.data.fill import Zero
from pellucid.data.measurement import Listed, Measurement
from pellucid.data.sampling import RandomSampling
from pellucid.data.simulate.coils import birdcage_coils
from pellucid.data.simulate.sampling import regular_lines
from pellucid.data.source import Fixed
from pellucid.data.splits import Grid
from pellucid.networks import ImageCritic, ResNet, UNet, initialise
from pellucid.networks.spectral import unit_norms
from pellucid.objectives import HeldOut, normalised_l1_l2
from pellucid.objectives.adversarial import StatisticalDistance
from pellucid.objectives.divergences import DIVERGENCES
from pellucid.operators import Identity, Sense
from pellucid.restorers import Enhancer, Unrolled
from pellucid.training import Adam, Plan, Validation, fit

STEPS = 12


class Halves:
    """Each rank sees two of four images; one process sees all. The two halves weigh 9 to 1."""

    def __init__(self):
        rng = torch.Generator().manual_seed(0)
        self.y = torch.randn(4, 1, 16, 16, generator=rng)
        heavy = torch.tensor([0.9, 0.9, 0.1, 0.1]).view(4, 1, 1, 1)
        self.weight = (torch.rand(self.y.shape, generator=rng) < heavy).float()

    def draw(self, step):
        mine = slice(2 * ranks.rank(), 2 * ranks.rank() + 2) if ranks.active() else slice(None)
        return Measurement(y=self.y[mine], operator=Identity(), weight=self.weight[mine])


class Slices:
    """Each rank sees two of four slices of k-space; one process sees all. They are of very unequal strength."""

    def __init__(self):
        rng = torch.Generator().manual_seed(0)
        self.operator = Sense(birdcage_coils(3, (16, 16)), regular_lines((16, 16), 2, 6))
        x = 1 + 0.3 * torch.randn(4, 1, 16, 16, dtype=torch.complex64, generator=rng)
        self.y = self.operator(x * torch.tensor([1.0, 100.0, 0.01, 5.0]).view(4, 1, 1, 1))

    def draw(self, step):
        mine = range(2 * ranks.rank(), 2 * ranks.rank() + 2) if ranks.active() else range(4)
        return Listed(y=self.y[list(mine)], operator=self.operator, numbers=tuple(mine))


class FirstClass(Grid):
    """Hides the same pixels on every rank."""

    def choose(self, y, rng):
        return next(self.classes(y))


class Failing(HeldOut):
    """A loss that is not finite on one rank only."""

    def terms(self, model, batch, step):
        value = super().terms(model, batch, step)["held_out"]
        return {"held_out": value * math.nan if ranks.rank() == 1 and step.index == 5 else value}


def trained(plan, kind=HeldOut, **options):
    """Return weights and history of a fit on hidden pixels that are the same for everybody."""
    model = Enhancer(initialise(UNet((1, 1), features=2, depth=1), torch.Generator().manual_seed(1)))
    split = FirstClass(2, Zero())
    judge = Validation(objective=HeldOut(split), source=Fixed(Halves().draw(None)), interval=4)
    history = fit(model, kind(split), Halves(), plan, validation=judge, **options)
    rows = [{name: value for name, value in row.items() if name != "seconds"} for row in history.rows]
    weights = nn.utils.parameters_to_vector(model.parameters()).tolist()
    return {"weights": weights, "rows": rows, "status": history.status, "best": history.best, "steps": history.steps}


def unrolled():
    """Return weights and losses of an unrolled network, from divisions that belong to the slices."""
    network = ResNet(2, features=4, blocks=1, tied=True).initialise(torch.Generator().manual_seed(1))
    model = Unrolled(network, unrolls=2, iterations=4)
    plan = Plan(steps=STEPS, optimisers={"model": Adam(rate=1e-3, warm_up=1)})
    history = fit(model, HeldOut(RandomSampling(0.4, masks=1), normalised_l1_l2), Slices(), plan)
    weights = nn.utils.parameters_to_vector(model.parameters()).tolist()
    return {"weights": weights, "losses": [row["held_out"] for row in history.rows]}


def duel():
    """Return the weights of two players, and what each minimised."""
    rng = torch.Generator().manual_seed(1)
    model = Enhancer(initialise(UNet((1, 1), features=2, depth=1), rng))
    critic = unit_norms(initialise(ImageCritic(1, (16, 16), features=2), rng))

    def made(model, batch, rng):
        return model(batch.with_y(batch.y.flip(-1)))

    adam = Adam(rate=1e-3, warm_up=1)
    objective = StatisticalDistance(critic, made, DIVERGENCES["hinge"], moves=2)
    history = fit(model, objective, Halves(), Plan(steps=STEPS, optimisers={"model": adam, "critic": adam}))
    weights = nn.utils.parameters_to_vector([*model.parameters(), *critic.parameters()]).tolist()
    return {"weights": weights, "losses": [row[player] for row in history.rows for player in ("generator", "critic")]}


def work(folder: Path) -> dict[str, object]:
    dist.init_process_group("gloo")
    plan = Plan(steps=STEPS, optimisers={"model": Adam(rate=0.01, warm_up=1)})
    kept = Plan(steps=STEPS, optimisers=plan.optimisers, checkpoint=folder / "state.safetensors")
    asked = iter(range(6))
    facts = {
        "whole": trained(plan),
        "unrolled": unrolled(),
        "duel": duel(),
        "part": trained(kept, cancel=lambda: ranks.rank() == 0 and next(asked, None) is None),
    }
    dist.barrier()
    facts["rest"] = trained(kept, resume=kept.checkpoint)
    facts["diverged"] = trained(plan, Failing)
    facts["timed"] = trained(Plan(seconds=0.3 + ranks.rank()))
    return facts


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", __file__, folder]
    done = subprocess.run(launch, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)]


def test_two_ranks_are_one_process_at_twice_the_batch(two_ranks):
    """Though they hide unequally many pixels that count."""
    alone = trained(Plan(steps=STEPS, optimisers={"model": Adam(rate=0.01, warm_up=1)}))
    for facts in two_ranks:
        assert facts["whole"]["weights"] == pytest.approx(alone["weights"], abs=1e-6)
        assert facts["whole"]["best"] == alone["best"]
        losses = [row["held_out"] for row in facts["whole"]["rows"]]
        assert losses == pytest.approx([row["held_out"] for row in alone["rows"]], rel=1e-5)
    assert two_ranks[0]["whole"]["weights"] == two_ranks[1]["whole"]["weights"]


def test_two_ranks_unroll_as_one_process_at_twice_the_batch(two_ranks):
    """The loss of a slice is its own, and their mean is shared."""
    alone = unrolled()
    for facts in two_ranks:
        assert facts["unrolled"]["weights"] == pytest.approx(alone["weights"], abs=1e-5)
        assert facts["unrolled"]["losses"] == pytest.approx(alone["losses"], rel=1e-5)
    assert two_ranks[0]["unrolled"]["weights"] == two_ranks[1]["unrolled"]["weights"]


def test_two_ranks_duel_as_one_process_at_twice_the_batch(two_ranks):
    """Both players take the mean of both ranks."""
    alone = duel()
    for facts in two_ranks:
        assert facts["duel"]["weights"] == pytest.approx(alone["weights"], abs=1e-5)
        assert facts["duel"]["losses"] == pytest.approx(alone["losses"], rel=1e-4)
    assert two_ranks[0]["duel"]["weights"] == two_ranks[1]["duel"]["weights"]


def test_ranks_resume_exactly(two_ranks):
    for facts in two_ranks:
        assert (facts["part"]["status"], facts["part"]["steps"]) == ("cancelled", 6)
        assert facts["rest"]["weights"] == facts["whole"]["weights"]


def test_what_diverges_on_one_rank_ends_all(two_ranks):
    assert [facts["diverged"]["status"] for facts in two_ranks] == ["diverged"] * 2
    assert [facts["diverged"]["steps"] for facts in two_ranks] == [8, 8]
    assert two_ranks[0]["diverged"]["weights"] == two_ranks[1]["diverged"]["weights"]
    assert all(math.isfinite(w) for w in two_ranks[0]["diverged"]["weights"])


def test_rank_zero_keeps_the_time(two_ranks):
    first, second = (facts["timed"] for facts in two_ranks)
    assert first["steps"] == second["steps"] > 0
    assert first["weights"] == second["weights"]


if __name__ == "__main__":
    torch.set_num_threads(1)
    target = Path(sys.argv[1])
    told = [target / f"{rank}.json" for rank in (0, 1)]
    mine = told[int(os.environ["RANK"])]
    mine.with_suffix(".part").write_text(json.dumps(work(target)))
    mine.with_suffix(".part").rename(mine)
    while not all(path.is_file() for path in told):
        time.sleep(0.01)
    os._exit(0)  # gloo's threads may abort a process that ends in the ordinary way while its peer still runs
