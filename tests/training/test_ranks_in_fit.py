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
from pellucid.data.measurement import Measurement
from pellucid.data.source import Fixed
from pellucid.data.splits import Grid
from pellucid.networks import UNet, initialise
from pellucid.objectives import HeldOut
from pellucid.operators import Identity
from pellucid.restorers import Enhancer
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


def work(folder: Path) -> dict[str, object]:
    dist.init_process_group("gloo")
    plan = Plan(steps=STEPS, optimisers={"model": Adam(rate=0.01, warm_up=1)})
    kept = Plan(steps=STEPS, optimisers=plan.optimisers, checkpoint=folder / "state.safetensors")
    asked = iter(range(6))
    facts = {
        "whole": trained(plan),
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
