from dataclasses import replace

import numpy as np
import pytest
import torch

from pellucid.data.image import Image
from pellucid.workflows.application import Application
from pellucid.workflows.evidence import page_of, summary, verdict_of, versions, worst
from pellucid.workflows.learn import learn
from pellucid.workflows.model import Model


@pytest.fixture
def restored(frame, job):
    """Return image, preview, lesson and verdict of a restored plane."""
    image = replace(frame, scale={"Y": 0.3, "X": 0.25}, units={"X": "micrometer"})
    channels, (lesson,) = learn([image], [], 2, job("total_variation"))
    out = np.zeros(image.shape, np.float32)
    model = Model(dims=2, channels=channels)
    application = Application(model=model, device=torch.device("cpu"))
    (preview,) = application.run(image, None, out, np.dtype(np.float32))
    verdict = verdict_of(preview, lesson.diagnosis, lesson.chosen.risk, independent=True)
    return image, preview, lesson, verdict, model


def test_a_page_shows_what_was_measured(restored):
    image, preview, lesson, verdict, _ = restored
    page = page_of(image, preview, lesson.diagnosis, verdict, lesson, {"seed": 3})
    np.testing.assert_array_equal(page.pictures.noisy, image.data)
    np.testing.assert_array_equal(page.pictures.restored, preview.restored)
    assert (page.pictures.pixel_size, page.pictures.unit) == (0.25, "µm")
    assert page.noise.gain == lesson.diagnosis.transfer.gain
    assert page.residual.count == 64 * 64
    assert page.residual.autocorrelation[5, 5] == pytest.approx(1.0)
    (candidate,) = page.choice.candidates
    assert (candidate.method, candidate.chosen) == ("total_variation", True)
    assert (candidate.risk, candidate.risk_se) == (lesson.chosen.ranking.mean, lesson.chosen.ranking.se)
    assert page.provenance == {"seed": 3}
    assert page.pictures.unsupported.max() < 0.5
    assert any("was removed has" in text for text in page.notes)
    assert any("planted into this image" in text for text in page.verdict.not_checked)


def test_warnings_of_the_training_stand_on_the_page_and_in_the_summary(restored):
    image, preview, lesson, verdict, model = restored
    warned = replace(lesson, warnings=("Something was odd.",))
    page = page_of(image, preview, lesson.diagnosis, verdict, warned, {})
    assert "Something was odd." in page.verdict.warnings
    facts = summary(model, [lesson.diagnosis], [warned], [verdict])
    assert facts["warnings"].count("Something was odd.") == 1


def test_a_bad_image_is_judged_bad(restored):
    _, preview, lesson, verdict, _ = restored
    spoiled = replace(preview, restored=0.5 * preview.restored)
    worse = verdict_of(spoiled, lesson.diagnosis, None, independent=True)
    assert worse.level == "red"
    assert verdict.level != "red"


def test_several_channels_are_lists_and_the_worst_decides(restored):
    image, preview, lesson, verdict, model = restored
    bad = replace(verdict, level="red", sentence="Do not rely on this image.")
    two = Model(dims=2, channels=model.channels * 2)
    facts = summary(two, [lesson.diagnosis] * 2, [lesson] * 2, [verdict, bad])
    assert facts["method"] == ["total_variation"] * 2
    assert (facts["verdict"], facts["sentence"]) == ("red", bad.sentence)
    pages = [page_of(image, preview, lesson.diagnosis, v, lesson, {}) for v in (verdict, bad)]
    shown = worst(pages)
    assert shown.verdict.level == "red"
    assert f"Channel 0: {verdict.level}. {verdict.sentence}" in shown.verdict.reasons
    assert worst(pages[:1]) is pages[0]


def test_versions_are_those_that_run():
    assert versions()["torch"] == torch.__version__.split("+")[0] or versions()["torch"] == torch.__version__
    assert versions()["numpy"] == np.__version__


def test_a_plane_of_a_movie_is_named(frame, again, job):
    movie = Image(data=np.stack([frame.data, again.data]), axes="TYX")
    channels, (lesson,) = learn([movie], [], 2, job("total_variation"))
    out = np.zeros(movie.shape, np.float32)
    model = Model(dims=2, channels=channels)
    (preview,) = Application(model=model, device=torch.device("cpu")).run(movie, None, out, np.dtype(np.float32))
    verdict = verdict_of(preview, lesson.diagnosis, None, independent=True)
    assert page_of(movie, preview, lesson.diagnosis, verdict, None, {}).pictures.plane == "T 1"


def test_a_calibrated_spread_is_shown_and_told(restored):
    image, preview, lesson, verdict, _ = restored
    spread = {"factor": 2.0, "low": 1.5, "high": 2.5, "coverage_claimed": 0.8, "coverage": 0.9, "pixels": 900}
    made = {"method": ["total_variation"], "risk": [9.0], "risk_se": [0.1], "noise_variance": [8.0]}
    unsure, sure = (
        page_of(image, preview, lesson.diagnosis, verdict, lesson, made | s) for s in ({}, {"spread": [spread]})
    )
    np.testing.assert_array_equal(unsure.pictures.spread, preview.spread)
    ratio = sure.pictures.spread / preview.spread
    assert 1 < ratio.min() <= ratio.max() <= 2
    assert (unsure.claim.name, unsure.claim.sentences) == ("Posterior standard deviation", ())
    assert sure.claim.name == "Posterior standard deviation, calibrated"
    assert "multiplied by 2" in sure.claim.sentences[0]
    assert any("The risk, 9" in text for text in sure.notes)
    told = "Whether a stated uncertainty of each pixel is right."
    assert told in unsure.verdict.not_checked
    assert told not in sure.verdict.not_checked


def test_a_disagreement_is_called_so(restored, monkeypatch):
    image, preview, lesson, verdict, _ = restored
    other = replace(lesson.chosen.channel.method.card, gives="image, and the disagreement of its draws")
    monkeypatch.setattr("pellucid.workflows.evidence.card", lambda name: other)
    page = page_of(image, preview, lesson.diagnosis, verdict, lesson, {"method": ["total_variation"]})
    assert page.claim.name == "Disagreement"
