import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from pellucid.data.image import Image
from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.operators import Identity
from pellucid.training import History, checkpoint
from pellucid.workflows.learn import divergence, learn


def weights(channel):
    return torch.cat([p.detach().flatten() for p in channel.method.model.parameters()])


@pytest.fixture
def cancel_after():
    """Return a maker of `cancel`: true from some call on, and for ever."""

    def make(count):
        asked = iter(range(count))
        return lambda: next(asked, None) is None

    return make


@pytest.mark.parametrize("steps", [1, 60])
def test_auto_has_the_least_risk_of_what_it_tried(steps, frame, job):
    (channel,), (lesson,) = learn([frame], [], 2, job("auto", steps=steps))
    ranking = {c.name: c.ranking.mean for c in lesson.candidates}
    assert [*ranking] == ["non_local_bayes", "stacked"]
    assert ranking[lesson.chosen.name] == min(ranking.values())
    assert channel is lesson.chosen.channel
    assert all(name in lesson.why for name in ranking if name != lesson.chosen.name)
    assert f"{ranking[lesson.chosen.name]:.4g}" in lesson.why


def test_what_ranks_is_not_what_is_reported(frame, job):
    _, (lesson,) = learn([frame], [], 2, job("total_variation"))
    assert lesson.chosen.ranking.mean != lesson.chosen.risk.mean
    assert lesson.why == "It was asked for."


def test_the_reported_risk_is_the_true_error_and_the_noise(frame, truth, job):
    """For a classical method, whose image is at hand: both are far below the noise, and agree within its errors."""
    (channel,), (lesson,) = learn([frame], [], 2, job("total_variation"))
    y = torch.from_numpy(frame.data)[None, None]
    image = channel.restorer(Measurement(y=y, operator=Identity()))[0, 0].numpy()
    risk, error = lesson.chosen.risk, float(np.mean((image - truth) ** 2))
    assert error < 0.4 * float(np.mean((frame.data - truth) ** 2))
    assert risk.error == pytest.approx(error, abs=4 * risk.se)


def test_two_recordings_add_noise2noise(frame, again, job):
    _, (lesson,) = learn([frame], [again], 2, job("auto", steps=1))
    assert [c.name for c in lesson.candidates][-1] == "noise2noise"
    assert len(lesson.candidates) == 2


def test_steps_repeat_to_the_bit_and_seeds_differ(frame, job):
    first, second, other = (learn([frame], [], 2, job("noise2void", seed=seed))[0][0] for seed in (0, 0, 1))
    assert torch.equal(weights(first), weights(second))
    assert not torch.equal(weights(first), weights(other))
    assert first.facts == second.facts


def test_correlated_noise_is_warned_of(truth, numpy_rng, job):
    grain = 2 * ndimage.gaussian_filter(numpy_rng.normal(0, 20, truth.shape), 1.0)
    _, (lesson,) = learn([Image(data=(truth + grain).astype(np.float32), axes="YX")], [], 2, job("total_variation"))
    assert lesson.diagnosis.correlation.correlated
    assert any("correlated between neighbouring pixels" in w and "not valid" in w for w in lesson.warnings)


def test_auto_hides_no_pixels_where_noise_is_correlated(truth, numpy_rng, job):
    grain = 2 * ndimage.gaussian_filter(numpy_rng.normal(0, 20, truth.shape), 1.0)
    (channel,), (lesson,) = learn([Image(data=(truth + grain).astype(np.float32), axes="YX")], [], 2, job("auto"))
    assert [c.name for c in lesson.candidates] == ["non_local_bayes"]
    assert channel.method.model.correlation.count_nonzero() > 1
    assert lesson.misleading
    assert "correlation that the image itself shows" in lesson.why


def test_auto_averages_over_symmetries_where_the_image_is_small(frame, job, monkeypatch):
    """What is chosen is part of the model: the same image gives the same answer on a slow machine."""
    for most, expected in ((64 * 64, True), (64 * 64 - 1, False)):
        monkeypatch.setattr("pellucid.workflows.learn._FLIPPED", most)
        _, (lesson,) = learn([frame], [], 2, job("auto", steps=1))
        assert lesson.candidates[-1].name == "stacked"
        assert lesson.candidates[-1].channel.facts.settings["flips"] is expected


def test_white_noise_is_not_warned_of(frame, job):
    _, (lesson,) = learn([frame], [], 2, job("total_variation"))
    assert lesson.warnings == ()


def test_the_deadline_is_kept(frame, job):
    start = time.monotonic()
    _, (lesson,) = learn([frame], [], 2, job("noise2void", steps=None, deadline=start + 1.5))
    assert 1.0 < time.monotonic() - start < 15
    assert lesson.chosen.history.status == "done"
    assert 0.3 < lesson.chosen.history.seconds < 10


def test_channels_share_the_time(frame, job):
    both = Image(data=np.stack([frame.data, frame.data[::-1]]), axes="CYX", channel_names=("DAPI", "GFP"))
    start = time.monotonic()
    channels, lessons = learn([both], [], 2, job("noise2void", steps=None, deadline=start + 2.0))
    assert time.monotonic() - start < 15
    seconds = [lesson.chosen.history.seconds for lesson in lessons]
    assert seconds[0] == pytest.approx(seconds[1], rel=0.75)
    assert [c.facts.name for c in channels] == ["DAPI", "GFP"]


def test_cancelled_learning_is_interrupted_and_goes_on_as_if_it_had_not_been(frame, job, cancel_after, tmp_path):
    whole = learn([frame], [], 2, job("noise2void", steps=12))[0][0]
    with pytest.raises(KeyboardInterrupt):
        learn([frame], [], 2, job("noise2void", steps=12, folder=tmp_path, cancel=cancel_after(5)))
    (kept,) = tmp_path.iterdir()
    assert checkpoint.load(kept)[1]["index"] == 5
    rest = learn([frame], [], 2, job("noise2void", steps=12, folder=tmp_path, resume=True))[0][0]
    assert torch.equal(weights(rest), weights(whole))
    assert rest.facts == whole.facts


def test_a_classical_method_is_cancelled_too(frame, job):
    with pytest.raises(KeyboardInterrupt):
        learn([frame], [], 2, job("auto", cancel=lambda: True))


def test_resuming_without_a_state_begins_anew(frame, job, tmp_path):
    fresh, resumed = (
        learn([frame], [], 2, job("noise2void", folder=tmp_path / name, resume=resume))[0][0]
        for name, resume in (("a", False), ("b", True))
    )
    assert torch.equal(weights(fresh), weights(resumed))


def test_the_watcher_hears_of_every_phase(frame, job):
    told = []
    learn([frame], [], 2, job("noise2void", watch=told.append))
    phases = list(dict.fromkeys(event.phase for event in told))
    assert phases == ["diagnose", "train noise2void", "rank"]
    assert all(event.text.endswith((".", "3")) for event in told)
    done = [event.done for event in told if event.phase.startswith("train")]
    assert done == sorted(done)
    assert done[-1] == 1.0


def test_a_training_that_diverges_is_said_and_leaves_finite_weights(frame, job):
    wild = job("noise2void", steps=60, settings={"rate": 4000.0})
    (channel,), (lesson,) = learn([frame], [], 2, wild)
    assert lesson.chosen.history.status == "diverged"
    assert (lesson.chosen.history.best, len(lesson.warnings)) == (-1, 1)
    assert "diverged before it learned anything" in lesson.warnings[0]
    assert torch.isfinite(weights(channel)).all()
    assert np.isfinite(lesson.chosen.risk.mean)


def test_a_training_that_diverges_late_keeps_what_it_learned():
    late = History(rows=[{"step": 300}], status="diverged", best=200)
    assert divergence(late) == ["The training diverged; the best weights before that were kept."]
    assert divergence(replace(late, status="done")) == []


def test_planes_and_volumes(truth, numpy_rng, job):
    stack = Image(data=numpy_rng.poisson(truth, (8, 64, 64)).astype(np.float32), axes="ZYX")
    for dims in (2, 3):
        (channel,), _ = learn([stack], [], dims, job("noise2void"))
        assert len(channel.restorer.stride(dims)) == dims


def test_wrong_choices_are_refused(frame, again, job):
    with pytest.raises(InputError, match="noise2noise needs two recordings"):
        learn([frame], [], 2, job("noise2noise"))
    with pytest.raises(InputError, match="Settings belong to one method"):
        learn([frame], [], 2, job("auto", settings={"rate": 1e-3}))
    with pytest.raises(InputError, match="has no setting"):
        learn([frame], [], 2, job("total_variation", settings={"rate": 1e-3}))
    colour = Image(data=np.stack([frame.data] * 2), axes="CYX")
    with pytest.raises(InputError, match="need the same channels, but these have 1, 2"):
        learn([frame, colour], [], 2, job("total_variation"))


@pytest.mark.parametrize("method", ["total_variation", "non_local_bayes"])
def test_a_spread_comes_with_what_is_known_of_it(method, frame, job):
    _, (lesson,) = learn([frame], [], 2, job(method))
    assert lesson.spread is not None
    assert 0.0 <= lesson.spread.low <= lesson.spread.factor <= lesson.spread.high
    assert (lesson.spread.after is None) == (method == "non_local_bayes")  # only a blind spot has intervals to count


def test_a_method_for_one_whole_image_is_refused_before_it_is_trained(frame, job):
    image = Image(data=frame.data[:61], axes="YX")
    with pytest.raises(InputError, match="one whole image at once"):
        learn([image], [], 2, job("deep_image_prior", steps=1))
