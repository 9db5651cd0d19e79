import time

import pytest
import torch

from pellucid.data.source import Fixed, Step
from pellucid.methods import function
from pellucid.objectives import Objective
from pellucid.workflows.learn import Job
from pellucid.workflows.options import Options
from pellucid.workflows.scan_learning import Mean, Moved, _numbered, _spread, on, train_on

from .scans import recorded, toy


@pytest.fixture
def scans(tmp_path):
    """Return scans of two sizes."""
    files = (recorded(tmp_path / f"{n}.npy", size=n, seed=n) for n in (32, 24))
    return [toy(file).measurement for file in files]


def built(scans, name="ssdu"):
    return function(name, "reconstruct")(scans[0], rng=torch.Generator().manual_seed(0), preset="lite")


def job(steps=3, **fields):
    return Job(options=Options(steps=steps, device="cpu"), deadline=None, **fields)


def weights(method):
    return torch.cat([p.detach().flatten() for p in method.model.parameters()])


def test_what_judges_is_taken_from_every_scan(scans, monkeypatch):
    """The samples that validate are zero in every batch that trains, and the operator does not measure them."""
    method, drawn = built(scans), []
    terms = type(method.stages[0].objective).terms

    def spy(self, model, batch, step):
        if self is method.stages[0].objective:
            drawn.append(batch)
        return terms(self, model, batch, step)

    monkeypatch.setattr(type(method.stages[0].objective), "terms", spy)
    (history,) = train_on(scans, method, "ssdu", job(8))
    assert history.steps == 8
    assert {batch.y.shape[-1] for batch in drawn} == {24, 32}
    whole = {number: scan for scan in _numbered(scans) for number in scan.numbers}
    for batch in drawn:
        (number,) = batch.numbers
        scan = whole[number]
        _, held = method.split(scan, torch.Generator())
        hidden = held.weight[scan.numbers.index(number)] > 0
        assert hidden.any()
        assert not batch.y[0, :, hidden[0]].any()
        assert not (batch.operator.acquired[0] & hidden).any()


@pytest.mark.parametrize("name", ["ssdu", "mri_gan"])
def test_a_stopped_training_goes_on_to_the_bit(name, scans, tmp_path):
    if name == "mri_gan":  # has two players, and wants scans of one size whose lines differ
        scans = [toy(recorded(tmp_path / f"{n}.npy", seed=n), every=n).measurement for n in (2, 3)]
    whole, parted = built(scans, name), built(scans, name)
    train_on(scans, whole, name, job(4))
    asked = iter([False] * 2 + [True])
    with pytest.raises(KeyboardInterrupt):
        train_on(scans, parted, name, job(4, folder=tmp_path, cancel=lambda: next(asked)))
    parted = built(scans, name)
    train_on(scans, parted, name, job(4, folder=tmp_path, resume=True))
    assert torch.equal(weights(parted), weights(whole))


def test_a_budget_is_shared_by_the_stages(scans):
    start = time.monotonic()
    (history,) = train_on(
        scans, built(scans), "ssdu", Job(options=Options(device="cpu"), deadline=time.monotonic() + 0.6)
    )
    assert history.steps > 0
    assert time.monotonic() - start < 20


def test_a_few_entries_of_all_scans_judge(scans):
    judged = _spread(_numbered(scans * 5))
    assert len(judged) == 8
    assert all(len(scan.y) == 1 for scan in judged)
    assert judged[0].numbers == (0,)
    assert judged[-1].numbers == (19,)


class Size(Objective):
    """The size of a batch."""

    def terms(self, model, batch, step):
        return {"size": torch.tensor(float(batch.y.numel()))}


def test_batches_of_any_size_count_alike(scans):
    mean = Mean(Size(), built(scans).model, scans)
    step = Step(0, 0.0, torch.Generator())
    assert mean.terms(None, scans[0], step)["size"] == sum(scan.y.numel() for scan in scans) / 2


def test_a_source_may_lie_on_another_device(scans):
    drawn = Moved(Fixed(scans[0]), torch.device("meta")).draw(Step(0, 0.0, torch.Generator()))
    assert drawn.y.device.type == "meta"
    assert on(scans[1], torch.device("cpu")).y is scans[1].y


def test_the_memory_of_a_training_is_told_first(scans):
    told = []
    train_on(scans, built(scans), "ssdu", job(1, watch=told.append))
    assert "unrolls keep" in told[0].text
