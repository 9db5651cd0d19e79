from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from pellucid.data.measurement import Measurement
from pellucid.data.source import Fixed
from pellucid.errors import InputError
from pellucid.methods.generate.generative import Generative
from pellucid.objectives import Objective
from pellucid.operators import Identity
from pellucid.training import Adam
from pellucid.workflows.learn import Job
from pellucid.workflows.options import Options
from pellucid.workflows.particles_stack import Reading
from pellucid.workflows.particles_training import Request, doubts, status, trained


class Sinking(Objective):
    """A loss that falls, and is no number from some step on."""

    def __init__(self, until):
        super().__init__()
        self.until = until

    def terms(self, model, batch, step):
        return {"loss": model.weight.sum() * (1.0 if step.index < self.until else float("nan"))}


def sinking(until, rng):
    model = nn.Linear(1, 1, bias=False)
    nn.init.ones_(model.weight)
    return Generative(model=model, objective=Sinking(until), optimisers={"model": Adam(rate=0.1, decay="none")})


@pytest.fixture
def job(tmp_path):
    return Job(options=Options(steps=300, seconds=None), deadline=None, folder=tmp_path / "run.checkpoint")


SOURCE = Fixed(Measurement(y=torch.zeros(1, 1, 2, 2), operator=Identity()))


def test_the_last_good_weights_outlive_a_divergence(job, rng):
    made = sinking(250, rng)
    history = trained(made, SOURCE, "map", job)
    assert (history.status, history.best) == ("diverged", 200)
    assert made.model.weight.isfinite().all()
    assert "after step 200 was the last good one" in doubts(history, "map")[0]
    assert status([history]) == "diverged"


def test_weights_are_averaged_as_the_method_says(job, rng):
    """Averaged over no step they are the last ones, which have sunk furthest."""
    ends = []
    for averaging in (0.0, 0.99):
        made = replace(sinking(1000, rng), averaging=averaging)
        trained(made, SOURCE, "map", replace(job, folder=None))
        ends.append(made.model.weight.item())
    assert ends[0] < ends[1] - 1


def test_a_divergence_at_once_leaves_nothing(job, rng):
    with pytest.raises(InputError, match="within its first 100 steps, with nothing to keep"):
        trained(sinking(3, rng), SOURCE, "map", job)


def test_a_cancelled_training_goes_on_where_it_stopped(job, rng):
    asked = iter([False] * 40 + [True] * 2)
    stopped, whole = sinking(1000, rng), sinking(1000, rng)
    with pytest.raises(KeyboardInterrupt):
        trained(stopped, SOURCE, "map", replace(job, cancel=lambda: next(asked)))
    resumed = sinking(1000, rng)
    history = trained(resumed, SOURCE, "map", replace(job, resume=True))
    trained(whole, SOURCE, "other", job)
    assert history.steps == 300
    assert torch.equal(resumed.model.weight, whole.model.weight)
    assert doubts(history, "map") == ()


def test_parts_share_the_time(tmp_path, rng):
    job = Job(options=Options(seconds=0.2), deadline=None)
    assert trained(sinking(10**9, rng), SOURCE, "map", job, parts=2).seconds == pytest.approx(0.1, abs=0.08)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"method": "w_gan"}, "does not learn from particles; cryogan"),
        ({"settings": {"depth": "3"}}, "cryogan has no setting depth"),
        ({"settings": {"features": "-1"}}, "features of cryogan"),
        ({"method": "spatial_vae", "halves": True}, "--halves is for cryogan"),
        ({"method": "spatial_vae", "truth": Path("a.mrc")}, "--truth is for cryogan"),
        ({"method": "spatial_vae", "symmetry": "D2"}, "--symmetry is for cryogan"),
        ({"method": "spatial_vae", "reading": Reading(background=Path("a.mrcs"))}, "--background is for cryogan and"),
        ({"shift": -1.0}, "0 pixels or more"),
        ({"symmetry": "E8"}, "E8 is no point group"),
    ],
)
def test_requests_are_checked_first(given, reason):
    with pytest.raises(InputError, match=reason):
        Request(**given).check()


def test_steps_take_the_place_of_time():
    assert Request(steps=3).options.seconds is None
    assert Request().options.seconds == 600
    assert Request(seconds=5.0).options.seconds == 5
