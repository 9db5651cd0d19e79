from dataclasses import replace

import pytest
import torch

from pellucid.errors import InputError
from pellucid.objectives.translation import Translation
from pellucid.workflows.events import silent
from pellucid.workflows.kinds import Reading, kind
from pellucid.workflows.learn import Job
from pellucid.workflows.options import Options
from pellucid.workflows.translation_learning import learn
from pellucid.workflows.translation_model import Facts

from .kinds_of_cells import folders

SMALL = {"features": 4, "depth": 1}


@pytest.fixture
def kinds(tmp_path):
    return tuple(kind(folder, Reading(), "auto") for folder in folders(tmp_path))


def job(method="c2gan", steps=3, **fields):
    return Job(options=Options(method=method, steps=steps, settings=SMALL, device="cpu"), deadline=None, **fields)


def weights(lesson):
    return lesson.model.made.model.state_dict().values()


@pytest.mark.parametrize("method", ["cyclegan", "c2gan", "pix2pix"])
def test_a_seed_repeats_a_training(method, kinds):
    first, second = (learn(*kinds, job(method)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(weights(first), weights(second), strict=True))
    assert first.steps == 3
    assert first.model.facts.side == 16
    assert len(first.unseen) == (1 if method == "pix2pix" else 0)


def test_weights_are_averaged_as_the_method_says(kinds, monkeypatch):
    averaged, build = learn(*kinds, job()), Facts.build
    monkeypatch.setattr(Facts, "build", lambda facts, seed: replace(build(facts, seed), averaging=0.0))
    last = learn(*kinds, job())
    assert not all(torch.equal(a, b) for a, b in zip(weights(averaged), weights(last), strict=True))


def test_interrupted_and_resumed_is_uninterrupted(kinds, tmp_path):
    whole = learn(*kinds, job(steps=6))
    asked = iter(range(7))
    with pytest.raises(KeyboardInterrupt):
        learn(*kinds, job(steps=6, folder=tmp_path / "kept", cancel=lambda: next(asked) == 3))
    rest = learn(*kinds, job(steps=6, folder=tmp_path / "kept", resume=True, watch=silent))
    assert all(torch.equal(a, b) for a, b in zip(weights(whole), weights(rest), strict=True))


def test_only_a_run_on_the_same_images_with_the_same_settings_goes_on(kinds, tmp_path):
    kept = tmp_path / "kept"
    with pytest.raises(KeyboardInterrupt):
        learn(*kinds, job(folder=kept, cancel=lambda: True))
    going_on = job(folder=kept, resume=True)
    fewer = replace(kinds[1], images=kinds[1].images[1:])
    otherwise = replace(going_on.options, settings={**SMALL, "rate": 0.01})
    other_side = kinds[0].look.model_copy(update={"bright": not kinds[0].look.bright})
    for first, second, asked in (
        (kinds[0], fewer, going_on),
        (*kinds, replace(going_on, options=otherwise)),
        (replace(kinds[0], look=other_side), kinds[1], going_on),
    ):
        with pytest.raises(InputError, match="other files or with other settings"):
            learn(first, second, asked)
    assert learn(*kinds, going_on).steps == 3


def spoilt(monkeypatch, after):
    """Make the objective return NaN after some calls."""
    terms, calls = Translation.constraints, iter(range(10**6))

    def poisoned(self, *given):
        found = terms(self, *given)
        return found | {"saliency": found["saliency"] * torch.nan} if next(calls) >= after else found

    monkeypatch.setattr(Translation, "constraints", poisoned)


def test_a_training_that_diverges_at_once_is_refused_and_leaves_nothing(kinds, monkeypatch, tmp_path):
    spoilt(monkeypatch, 0)
    with pytest.raises(InputError, match="diverged before it learned anything"):
        learn(*kinds, job(folder=tmp_path / "kept"))
    assert not (tmp_path / "kept").exists()


def test_a_training_that_diverges_later_keeps_its_last_good_weights(kinds, monkeypatch):
    spoilt(monkeypatch, 101)
    lesson = learn(*kinds, job(steps=103))
    assert lesson.doubts == ("The training diverged after step 100: the weights of that step are used.",)
    assert all(bool(value.isfinite().all()) for value in weights(lesson))


def test_what_differs_is_noticed(kinds):
    warnings = learn(*kinds, job("cyclegan", steps=1)).warnings
    assert "uint16" in warnings[0]
    assert "uint8" in warnings[0]
    assert "cyclegan cannot tell content from background" in warnings[1]


def test_c2gan_must_know_what_content_is(kinds):
    first, second = kinds
    blind = type(first)(first.folder, first.images, first.look.model_copy(update={"bright": None}))
    with pytest.raises(InputError, match="--content-from bright or dark"):
        learn(blind, second, job())


def test_few_pairs_are_all_learned_from_and_that_is_said(kinds):
    few = [replace(kind, images=kind.images[:7]) for kind in kinds]
    lesson = learn(*few, job("pix2pix"))
    assert lesson.unseen == ()
    assert any("Fewer than 8 pairs" in warning for warning in lesson.warnings)
    assert not any("Fewer than" in warning for warning in learn(*kinds, job("pix2pix")).warnings)


def test_pairs_are_files_of_one_name_and_size(kinds):
    first, second = kinds
    lone = type(second)(second.folder, second.images[:-1], second.look)
    with pytest.raises(InputError, match=r"no image named 7, the twin of 7.tif"):
        learn(first, lone, job("pix2pix"))
    image = second.images[0].with_data(second.images[0].data[:20])
    other = type(second)(second.folder, (image, *second.images[1:]), second.look)
    with pytest.raises(InputError, match="they must match"):
        learn(first, other, job("pix2pix"))
