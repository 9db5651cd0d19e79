import numpy as np
import pytest

from pellucid.data.image import Image
from pellucid.data.io import read, write
from pellucid.errors import InputError
from pellucid.metrics import psnr
from pellucid.workflows.denoise import apply, denoise, opened_as
from pellucid.workflows.model import Model

FEW = {"settings": {"features": 4, "patch": 32, "batch": 2, "flips": False}, "steps": 3}


def test_an_array_becomes_a_better_one(frame, truth):
    result = denoise(frame.data, budget="2s")
    assert result.image.shape == (64, 64)
    assert result.image.dtype == np.float32
    noisy, restored = (psnr(i, truth, data_range=float(np.ptp(truth))) for i in (frame.data, result.image))
    assert restored > noisy + 3
    assert result.summary["method"] in {c["method"] for c in result.summary["candidates"]}
    assert result.summary["risk"] > 0
    assert result.summary["noise"]["gain"] == pytest.approx(2.0, rel=0.5)


def test_steps_repeat_to_the_bit(frame):
    first, second = (denoise(frame.data, method="noise2self", **FEW) for _ in range(2))
    np.testing.assert_array_equal(first.image, second.image)
    assert first.summary["steps"] == 3


def test_an_image_keeps_what_it_knows(frame, again, tmp_path):
    movie = Image(
        data=np.stack([[frame.data], [again.data]]),
        axes="TCYX",
        scale={"Y": 0.2, "X": 0.1},
        units={"Y": "micrometer", "X": "micrometer"},
        channel_names=("GFP",),
    )
    result = denoise(movie, method="total_variation")
    assert result.image.shape == (2, 1, 64, 64)
    saved = read(result.save(tmp_path / "out.ome.tif"))
    assert dict(saved.scale) == pytest.approx({"Y": 0.2, "X": 0.1})
    assert saved.channel_names == ("GFP",)
    np.testing.assert_array_equal(np.squeeze(saved.data[...]), result.image[:, 0])
    assert saved.provenance["method"] == ["total_variation"]
    with pytest.raises(InputError, match="exists already"):
        result.save(tmp_path / "out.ome.tif")
    result.save(tmp_path / "out.ome.tif", overwrite=True)


def test_a_path_is_read(frame, tmp_path):
    path = write(tmp_path / "a.ome.tif", frame)
    result = denoise(path, method="total_variation")
    np.testing.assert_array_equal(result.image, denoise(frame, method="total_variation").image)


def test_channels_are_restored_each_by_itself(frame, again):
    both = denoise(np.stack([frame.data, again.data]), axes="CYX", method="total_variation")
    alone = denoise(frame, method="total_variation")
    np.testing.assert_array_equal(both.image[0], alone.image)
    assert both.summary["method"] == ["total_variation"] * 2
    assert len(both.summary["noise"]) == 2


def test_a_stack_as_planes_and_as_a_volume(truth, numpy_rng):
    stack = numpy_rng.poisson(truth, (8, 64, 64)).astype(np.uint16)
    planes, volume = (denoise(stack, axes="ZYX", method="noise2void", dims=dims, **FEW) for dims in (2, 3))
    assert planes.image.shape == volume.image.shape == stack.shape
    assert (planes.model.dims, volume.model.dims) == (2, 3)
    assert not np.allclose(planes.image, volume.image)


def test_a_second_recording_is_used(frame, again, truth):
    settings = FEW["settings"] | {"rate": 5e-3}
    result = denoise(frame, pairs=again.data, method="noise2noise", settings=settings, steps=200)
    assert result.summary["method"] == "noise2noise"
    assert ((result.image - truth) ** 2).mean() < 0.5 * ((frame.data - truth) ** 2).mean()


def test_a_result_brings_its_model_and_its_report(frame, tmp_path):
    result = denoise(frame, method="noise2void", **FEW)
    page = result.report.save(tmp_path / "report.html").read_text("utf-8")
    assert "noise2void" in page
    assert result.summary["verdict"] in page
    model = Model.load(result.model.save(tmp_path / "model.pellucid"))
    assert model.provenance["steps"] == [3]
    assert model.provenance["inputs"]


def test_the_watcher_hears_of_every_phase(frame):
    told = []
    denoise(frame, method="noise2void", watch=told.append, **FEW)
    assert list(dict.fromkeys(e.phase for e in told)) == ["diagnose", "train noise2void", "rank", "apply"]


@pytest.mark.parametrize(
    ("array", "axes", "match"),
    [
        (np.zeros((3, 64, 64)), None, "does not say what its axes are"),
        (np.zeros((3, 64, 64)), "YX", "do not fit the shape"),
        (np.zeros((3, 64, 64)), "YXC", "ending in YX"),
        (np.zeros((3, 64, 64)), "QYX", "one letter of STCZYX"),
        (np.zeros((3, 3, 64, 64)), "TTYX", "one letter of STCZYX each"),
        (np.zeros((64, 64)), None, "constant|same value"),
        (np.pad([[np.nan]], (0, 63)), None, "1 NaN"),
        (np.ones((64, 64), complex), None, "complex"),
        (np.random.default_rng(0).random((20, 64)), None, "32 x 32"),
    ],
)
def test_what_cannot_be_restored_is_refused(array, axes, match):
    with pytest.raises(InputError, match=match):
        denoise(array, axes=axes, method="total_variation")


def test_wrong_choices_are_refused(frame):
    with pytest.raises(InputError, match="There is no method"):
        denoise(frame, method="bm3d")
    with pytest.raises(InputError, match="A budget is"):
        denoise(frame, budget="soon")
    with pytest.raises(InputError, match="There is no device"):
        denoise(frame, device="abacus")
    with pytest.raises(InputError, match="needs an end"):
        denoise(frame, method="noise2void", steps=0)


def test_what_is_an_image_stays_one(frame):
    assert opened_as(frame, None) is frame
    assert opened_as(frame.data.tolist(), None).axes == "YX"
    assert opened_as(frame.data[None], "TYX").shape == (1, 64, 64)


def test_a_model_restores_more_of_the_kind(frame, again, tmp_path):
    result = denoise(frame.data, method="noise2self", **FEW)
    path = result.model.save(tmp_path / "frame.pellucid")
    here, there = apply(result.model, again.data), apply(path, again.data, device="cpu")
    np.testing.assert_array_equal(here.image, there.image)
    np.testing.assert_allclose(apply(path, frame.data, device="cpu").image, result.image, rtol=1e-6)
    assert here.summary["method"] == "noise2self"
    assert here.summary["sentence"] in here.report.html


def test_a_model_refuses_other_channels(frame):
    model = denoise(frame.data, method="total_variation").model
    with pytest.raises(InputError, match=r"made for 1 channel\(s\), but the image has 2"):
        apply(model, np.stack([frame.data, frame.data]), axes="CYX")
