import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.operators import Identity, Sampling
from pellucid.workflows.scan_score import better, marked, reserve
from pellucid.workflows.scan_score import score as scored

from .scans import recorded, toy


@pytest.fixture
def scan(tmp_path):
    return toy(recorded(tmp_path / "k.npy", slices=3)).measurement


def test_a_tenth_is_taken_away_and_the_centre_of_kspace_stays(scan):
    parts = reserve(scan, "mri")
    measured, left = scan.operator.acquired[:, :1], parts.left.operator.acquired[:, :1]
    held = parts.held.weight > 0
    assert torch.equal(held | left, measured.expand_as(held))
    assert not bool((held & left).any())
    assert held[0].sum() == round(0.1 * int(measured[0].sum()))
    assert not held[..., 12:20, 12:20].any()
    assert not parts.left.y[held.expand_as(scan.y)].any()


def test_the_samples_are_the_same_for_every_slice_and_every_reading(scan):
    whole = reserve(scan, "mri").held.weight
    one = reserve(Measurement(y=scan.y[1:2], operator=scan.operator[1:2]), "mri").held.weight
    assert torch.equal(whole[:1], whole[1:2])
    assert torch.equal(whole[:1], one)


@pytest.mark.parametrize(("modality", "axes"), [("ct", 1), ("tilt", 2), ("deconvolution", 0)])
def test_views_are_held_out_whole(modality, axes):
    y = torch.ones(1, 1, 20, 16, 12)
    parts = reserve(Measurement(y=y, operator=Identity()), modality)
    assert parts.held.weight.shape == (1, 1, *(1 if k >= 3 - axes else n for k, n in enumerate(y.shape[2:])))


def test_the_error_of_a_known_image_is_known():
    """With ones measured, an image of 1 + e is wrong by e; the standard error is that of a mean of the samples."""
    rng = torch.Generator().manual_seed(0)
    y = torch.ones(1, 2, 50, 50, dtype=torch.complex128)
    off = 0.3 * torch.rand(1, 1, 50, 50, generator=rng, dtype=torch.float64)
    parts = reserve(Measurement(y=y, operator=Identity()), "deconvolution")
    score = scored(parts.errors(y + off), "known", 1.0)
    assert score.error == pytest.approx(0.15, abs=4 * score.error_se)
    assert score.error_se == pytest.approx(0.3 / 12**0.5 / 250**0.5, rel=0.15)
    assert score.relative_l2 == pytest.approx(0.3 / 3**0.5, abs=4 * score.relative_l2_se)
    perfect = scored(parts.errors(y), "perfect", 1.0)
    assert (perfect.error, perfect.relative_l2) == (0, 0)


def test_too_few_samples_cannot_be_divided():
    keep = torch.zeros(1, 1, 32, 32)
    keep[..., 12:20, 12:20] = 1
    y = keep + 0j
    y[..., 16, 16] = 9
    with pytest.raises(InputError, match="10% of the 64 measured samples cannot be held out: only 0 lie outside"):
        reserve(Measurement(y=y, operator=Sampling(keep)), "mri")


def test_errors_are_compared_sample_by_sample():
    """A small difference that is always there is beyond doubt where samples differ by far more than it."""
    size = 10 * torch.rand(200, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    one, worse = (torch.stack([k * size, size, (k * size) ** 2, size**2]) for k in (0.10, 0.11))
    assert better(one, worse)
    assert not better(worse, one)
    assert not better(one, one)
    scores = tuple(scored(errors, name, 1.0) for errors, name in ((worse, "worse"), (one, "one")))
    assert scores[0].error - scores[1].error == pytest.approx(0.01)
    assert [(s.method, s.chosen) for s in marked(scores, "worse")] == [("one", False), ("worse", True)]
