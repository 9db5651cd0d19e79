import math
import time

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from pellucid.data.patches import Patches
from pellucid.data.source import Fixed
from pellucid.data.splits import BlindSpot
from pellucid.objectives import HeldOut, Objective, Turn
from pellucid.training import Adam, Plan, Validation, fit
from pellucid.training import run as runs

STEPS = 40


@pytest.mark.parametrize("count", [1, 17, 20, 39])
def test_interrupted_and_resumed_is_uninterrupted(count, trial, validation, after, tmp_path):
    """Bit for bit: loss curve, validations, choice of the best and weights."""
    kept = tmp_path / "state.safetensors"
    plan = Plan(steps=STEPS, seed=3, checkpoint=kept)
    whole = trial(Plan(steps=STEPS, seed=3), validation=validation)
    part = trial(plan, validation=validation, cancel=after(count))
    assert (part.history.status, part.history.steps) == ("cancelled", count)
    rest = trial(plan, validation=validation, resume=kept)
    assert rest.history.status == "done"
    assert rest.history.best == whole.history.best
    assert rest.curve == whole.curve
    assert torch.equal(rest.weights, whole.weights)


def test_resuming_what_is_done_changes_nothing(trial, validation, tmp_path):
    plan = Plan(steps=20, checkpoint=tmp_path / "state.safetensors")
    first = trial(plan, validation=validation)
    again = trial(plan, validation=validation, resume=plan.checkpoint)
    assert again.curve == first.curve
    assert torch.equal(again.weights, first.weights)


def test_a_number_of_steps_repeats_to_the_bit(trial, validation):
    first, second = (trial(Plan(steps=12, seed=4), validation=validation) for _ in range(2))
    other = trial(Plan(steps=12, seed=5), validation=validation)
    assert torch.equal(first.weights, second.weights)
    assert first.curve == second.curve
    assert not torch.equal(first.weights, other.weights)


def test_a_budget_in_seconds_ends_in_time(trial, validation):
    start = time.monotonic()
    found = trial(Plan(seconds=0.4), validation=validation)
    elapsed = time.monotonic() - start
    assert 0.4 <= elapsed < 10
    assert 0.3 < found.history.seconds <= elapsed  # of the last evaluation, which may end just before the budget
    assert (found.history.status, found.history.rows[-1]["progress"]) == ("done", pytest.approx(1, abs=0.25))


def test_the_loss_falls(trial, validation):
    curve = trial(Plan(steps=100, optimisers={"model": Adam(rate=3e-3, warm_up=1)}), validation=validation).curve
    assert curve[-1]["held_out"] < 0.8 * curve[0]["held_out"]
    assert curve[-1]["validation"] < 0.9 * curve[0]["validation"]


def test_patience_ends_a_fit_that_no_longer_improves(trial, noisy):
    still = Plan(steps=STEPS, optimisers={"model": Adam(rate=0.0)})
    judge = Validation(objective=HeldOut(BlindSpot(0.05)), source=Fixed(noisy), interval=4, patience=3)
    found = trial(still, validation=judge).history
    assert (found.status, found.best, found.steps) == ("stopped", 4, 16)
    assert trial(Plan(steps=STEPS), validation=judge).history.steps > 16


class Failing(HeldOut):
    """A loss that is not finite from one step on."""

    def __init__(self, first):
        super().__init__(BlindSpot(0.05))
        self.first = first

    def terms(self, model, batch, step):
        value = super().terms(model, batch, step)["held_out"]
        return {"held_out": value * math.nan if step.index >= self.first else value}


def test_a_diverged_fit_leaves_its_best_weights(trial, validation, after):
    found = trial(Plan(steps=STEPS), objective=Failing(25), validation=validation)
    until = trial(Plan(steps=STEPS), validation=validation, cancel=after(20))
    assert (found.history.status, found.history.best, found.history.steps) == ("diverged", 20, 30)
    assert torch.equal(found.weights, until.weights)


def test_a_diverged_fit_keeps_its_last_good_state(trial, validation, tmp_path):
    """Resumed with an objective that does not fail, it becomes the run that never did."""
    plan = Plan(steps=STEPS, checkpoint=tmp_path / "state.safetensors", checkpoint_seconds=0.0)
    trial(plan, objective=Failing(25), validation=validation)
    again = trial(Plan(steps=STEPS), validation=validation, resume=plan.checkpoint)
    assert again.history.status == "done"
    assert torch.equal(again.weights, trial(Plan(steps=STEPS), validation=validation).weights)


def test_a_fit_that_diverges_at_once_leaves_the_first_weights(trial, validation, small):
    found = trial(Plan(steps=STEPS), objective=Failing(0), validation=validation)
    assert torch.equal(found.weights, nn.utils.parameters_to_vector(small().parameters()))


class Poisoned(HeldOut):
    """A finite loss whose gradient is not, in the last step before an evaluation."""

    def __init__(self):
        super().__init__(BlindSpot(0.05))

    def terms(self, model, batch, step):
        losses = super().terms(model, batch, step)
        if step.index == 29:
            losses["nothing"] = sum((0 * p).abs().sum().sqrt() for p in model.parameters())
        return losses


def test_weights_that_are_not_finite_are_never_the_best(trial):
    found = trial(Plan(steps=30), objective=Poisoned(), validation=None)
    assert found.history.status == "diverged"
    assert bool(found.weights.isfinite().all())


def test_best_weights_are_those_of_the_lowest_validation(trial, validation):
    plan = Plan(steps=60, optimisers={"model": Adam(rate=0.3, warm_up=1)}, averaging=0.0)
    found = trial(plan, validation=validation)
    rows = {row["step"]: row["validation"] for row in found.curve}
    assert found.history.best == min(rows, key=rows.get) < 60
    still = Plan(steps=1, optimisers={"model": Adam(rate=0.0)})
    again = fit(found.model, HeldOut(BlindSpot(0.05)), validation.source, still, validation=validation)
    assert again.lowest == pytest.approx(found.history.lowest, abs=1e-4)


class Path(HeldOut):
    """Remembers the weights that each step began with."""

    def __init__(self):
        super().__init__(BlindSpot(0.05))
        self.seen = []

    def terms(self, model, batch, step):
        self.seen.append(nn.utils.parameters_to_vector(model.parameters()).detach())
        return super().terms(model, batch, step)


def test_the_answer_is_the_running_mean_of_the_weights(trial):
    path = Path()
    fast = {"model": Adam(rate=0.01, warm_up=1)}
    last = trial(Plan(steps=20, optimisers=fast, averaging=0.0), objective=path).weights
    mean = path.seen[0].double()
    for index, weights in enumerate([*path.seen[1:], last], 1):
        decay = min(0.9, index / (index + 10))
        mean = decay * mean + (1 - decay) * weights
    found = trial(Plan(steps=20, optimisers=fast, averaging=0.9)).weights
    torch.testing.assert_close(found, mean.float(), atol=1e-6, rtol=1e-5)
    assert not torch.allclose(found, last, atol=1e-4)


def test_precision_is_of_activations_not_of_weights(trial, validation):
    found = trial(Plan(steps=20, precision=torch.bfloat16), validation=validation)
    exact = trial(Plan(steps=20), validation=validation)
    assert {p.dtype for p in found.model.parameters()} == {torch.float32}
    assert found.history.lowest == pytest.approx(exact.history.lowest, rel=0.05)
    assert not torch.equal(found.weights, exact.weights)


class Duel(Objective):
    """A model that moves once a step, and a critic that moves twice, each on its own batch."""

    def __init__(self):
        super().__init__()
        self.critic = nn.Parameter(torch.zeros(()))
        self.moves = []

    def turns(self, model):
        def move(name, sign):
            def terms(batch, step):
                self.moves.append((step.index, name, float(batch.y.sum())))
                return {name: sign * self.critic * model(batch).mean()}

            return terms

        return (
            Turn("critic", [self.critic], move("critic", -1.0), repeats=2),
            Turn("model", list(model.parameters()), move("model", 1.0)),
        )

    def terms(self, model, batch, step):
        raise AssertionError("the turns have their own terms")


def test_turns_move_their_own_parameters_on_fresh_batches(trial, small):
    duel = Duel()
    found = trial(Plan(steps=2, optimisers={"critic": Adam(warm_up=1), "model": Adam(rate=0.0)}), objective=duel)
    assert [move[:2] for move in duel.moves] == [(i, who) for i in (0, 1) for who in ("critic", "critic", "model")]
    assert len({move[2] for move in duel.moves}) == 6
    assert duel.critic != 0
    assert torch.equal(found.weights, nn.utils.parameters_to_vector(small().parameters()))
    assert {"critic", "model"} <= found.curve[-1].keys()


def test_watch_is_told_every_row_and_signs_of_life(trial, validation, monkeypatch):
    monkeypatch.setattr(runs, "_TICK", 0.0)
    told = []
    found = trial(Plan(steps=20), validation=validation, watch=told.append)
    assert [row for row in told if "validation" in row] == found.history.rows
    signs = [row for row in told if "validation" not in row]
    assert [row["step"] for row in signs] == list(range(1, 21))
    assert [row["progress"] for row in signs] == [k / 20 for k in range(1, 21)]
    assert all(row.keys() == {"step", "seconds", "progress"} for row in signs)


class Copies(TorchDispatchMode):
    """Counts what makes the host wait for the device."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        waits = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero")
        self.count += function.overloadpacket.__name__ in waits
        return function(*args, **(kwargs or {}))


def test_steps_never_wait_for_the_device(trial):
    """Ten times the steps, as many copies to the host: they are made where the history is written."""
    counts = []
    for steps in (3, 30):
        with Copies() as copies:
            trial(Plan(steps=steps))
        counts.append(copies.count)
    assert counts[0] == counts[1] > 0


class Strict:
    """A source that forbids the host to wait, from the second step to the last but one."""

    def __init__(self, source):
        self.source = source

    def draw(self, step):
        torch.cuda.set_sync_debug_mode("error" if 0 < step.index < 8 else "default")
        return self.source.draw(step)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_steps_on_a_gpu_never_wait_for_it(small, noisy):
    source = Strict(Patches(data=noisy.with_y(noisy.y.cuda()), patch=(16, 16), batch=2))
    history = fit(small().cuda(), HeldOut(BlindSpot(0.05)), source, Plan(steps=9))
    assert history.status == "done"
