import pytest
import torch

from pellucid.data.splits import BlindSpot
from pellucid.errors import InputError
from pellucid.networks import UNet, initialise
from pellucid.objectives import HeldOut
from pellucid.restorers import Enhancer
from pellucid.training import Plan, checkpoint
from pellucid.training.run import Run


@pytest.fixture
def kept(trial, validation, after, tmp_path):
    """Return the state of a fit that was cancelled at step 7 of 20."""
    path = tmp_path / "state.safetensors"
    trial(Plan(steps=20, checkpoint=path), validation=validation, cancel=after(7))
    return path


def run(model, seed=0) -> Run:
    return Run(model, HeldOut(BlindSpot(0.05)), Plan(steps=20, seed=seed))


def test_a_state_holds_everything(kept, small, tmp_path):
    taken = run(small())
    taken.load(kept)
    assert (taken.index, taken.history.status) == (7, "done")
    taken.save(tmp_path / "again.safetensors")
    (tensors, facts), (same, same_facts) = (checkpoint.load(p) for p in (kept, tmp_path / "again.safetensors"))
    assert all(torch.equal(tensors[name], same[name]) for name in tensors)
    assert {"model", "mean", "best", "adam"} == {name.split(".")[0] for name in tensors}
    assert float(tensors["adam.model.0.step"]) == 7
    later = {"seconds", "status"}
    assert {k: v for k, v in facts.items() if k not in later} == {k: v for k, v in same_facts.items() if k not in later}
    assert same_facts["seconds"] >= facts["seconds"] > 0


def test_time_goes_on_from_where_it_stopped(kept, small):
    tensors, facts = checkpoint.load(kept)
    checkpoint.save(kept, tensors, facts | {"seconds": 100.0})
    taken = run(small())
    taken.load(kept)
    assert 100 <= taken.seconds < 110


@pytest.mark.parametrize("change", ["seed", "width", "precision", "facts"])
def test_the_state_of_another_run_is_refused(change, kept, small):
    model, seed = small(), 0
    if change == "seed":
        seed = 1
    elif change == "width":
        model = Enhancer(initialise(UNet((1, 1), features=6, depth=1), torch.Generator().manual_seed(0)))
    elif change == "precision":
        model = model.double()
    else:
        tensors, facts = checkpoint.load(kept)
        checkpoint.save(kept, tensors, {name: fact for name, fact in facts.items() if name != "rows"})
    with pytest.raises(InputError, match="another model or seed"):
        run(model, seed).load(kept)


def test_the_state_is_kept_at_intervals_while_a_fit_goes_on(trial, tmp_path):
    path, seen = tmp_path / "state.safetensors", []

    def look():
        seen.append(checkpoint.load(path)[1]["index"] if path.exists() else None)
        return False

    trial(Plan(steps=5, checkpoint=path, checkpoint_seconds=0.0), cancel=look)
    assert seen == [None, 1, 2, 3, 4]
    assert checkpoint.load(path)[1]["index"] == 5


def test_a_validation_leaves_the_weights_and_draws_the_same_masks(small, noisy, validation):
    judged = Run(small(), HeldOut(BlindSpot(0.05)), Plan(steps=20), validation)
    before = [p.detach().clone() for p in judged.model.parameters()]
    with torch.no_grad():
        for p in judged.mean:
            p.mul_(0.5)
    judged.evaluate()
    judged.index = 11
    judged.evaluate()
    first, second = (row["validation"] for row in judged.history.rows)
    assert first == second
    assert all(torch.equal(a, b) for a, b in zip(before, judged.model.parameters(), strict=True))
    plain = Run(small(), HeldOut(BlindSpot(0.05)), Plan(steps=20), validation)
    plain.evaluate()
    assert plain.history.rows[0]["validation"] != first


def test_nothing_is_ticked_before_a_second_is_over(trial):
    told = []
    trial(Plan(steps=3), watch=told.append)
    assert len(told) == 1
