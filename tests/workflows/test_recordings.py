import numpy as np
import pytest

from pellucid.data.image import Image
from pellucid.data.io import read, write
from pellucid.errors import InputError
from pellucid.workflows.denoise import apply, denoise
from pellucid.workflows.files import denoise_files
from pellucid.workflows.options import Options
from pellucid.workflows.recordings import recorded, with_settings

SIGMA = 4.0
FEW = {"features": 4, "patch": 32, "batch": 2}


def movie(count: int) -> Image:
    row, column = np.mgrid[:64, :64] / 5
    return Image(data=noisy(np.stack([50 + 15 * np.sin(row) * np.cos(column)] * count)), axes="TYX")


def brain(volumes: int = 16) -> np.ndarray:
    """Return a series of two patterns that come and go, (volume, plane, row, column)."""
    rng = np.random.default_rng(0)
    row, column = np.mgrid[:48, :48] / 30
    patterns = 20 + 15 * np.stack([np.sin(row + k * column)[None].repeat(3, 0) for k in (1, -2)])
    courses = 1 + 0.3 * rng.standard_normal((volumes, 2))
    return 100 + np.einsum("tk,k...->t...", courses, patterns)


def noisy(x: np.ndarray, seed: int = 0) -> np.ndarray:
    return (x + np.random.default_rng(seed).normal(0, SIGMA, x.shape)).astype(np.float32)


def error(image: np.ndarray, x: np.ndarray) -> float:
    return float(((image - x) ** 2).mean())


def run(inputs, options, **given):
    silent = {"watch": lambda event: None, "cancel": lambda: False}
    return denoise_files(inputs, options, **given, **silent)


def test_repeats_become_one_image_and_a_movie_stays_one(tmp_path):
    path = write(tmp_path / "movie.ome.tif", movie(6))
    options = {"method": "noise2noise", "steps": 3, "settings": FEW}
    (still,) = run([path], Options(repeats="T", **options), output=tmp_path / "still.ome.tif")
    (moving,) = run([path], Options(repeats="interleaved", **options), output=tmp_path / "moving.ome.tif")
    assert np.squeeze(np.asarray(read(still["output"]).data[...])).shape == (64, 64)
    assert np.squeeze(np.asarray(read(moving["output"]).data[...])).shape == (6, 64, 64)
    assert denoise(movie(4), repeats="T", **options).restoration.axes == "YX"


@pytest.mark.parametrize("name", ["mppca", "patch2self"])
def test_a_series_of_volumes_is_restored_as_one(name):
    x = brain()
    result = denoise(Image(data=noisy(x), axes="TZYX"), method=name)
    assert result.image.shape == x.shape
    assert error(result.image, x) < 0.35 * SIGMA**2
    assert result.summary["method"] == name
    assert result.summary["verdict"] in ("green", "amber")
    assert result.summary["risk"] - error(result.image, x) == pytest.approx(SIGMA**2, rel=0.1)  # Stein's
    again = apply(result.model, Image(data=noisy(x, 1), axes="TZYX"))
    assert error(again.image, x) < 0.4 * SIGMA**2
    with pytest.raises(InputError, match="made for a series of 16 volumes, but the image has 12"):
        apply(result.model, Image(data=noisy(x)[:12], axes="TZYX"))
    with pytest.raises(InputError, match=r"4 or more.*; this image has 1"):
        denoise(Image(data=noisy(x)[0], axes="ZYX"), method=name)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_phase_makes_the_noise_gaussian_and_magnitudes_are_written(suffix, tmp_path):
    """Where the signal is weak the magnitude alone is biased upwards by the noise; with its phase it is not."""
    x = (brain() - 100) / 8
    angle = np.broadcast_to(np.linspace(-2, 2, 48), x.shape)
    z = noisy(x * np.cos(angle), 1) + 1j * noisy(x * np.sin(angle), 2)
    magnitude, phase = (
        write(tmp_path / f"{name}{suffix}", Image(data=part.astype(np.float32), axes="TZYX"))
        for name, part in (("magnitude", abs(z)), ("phase", np.angle(z)))
    )
    options = Options(method="mppca")
    (with_it,) = run([magnitude], options, phase=[phase], output=tmp_path / "with.nii.gz")
    (without,) = run([magnitude], options, output=tmp_path / "without.nii.gz")
    found, biased = (np.asarray(read(one["output"]).data[...]) for one in (with_it, without))
    assert found.dtype == np.float32
    assert error(found, x) < 0.6 * error(biased, x)
    rounded = run([magnitude], options, phase=[phase], dtype="input", output=tmp_path / "rounded.nii")
    assert read(rounded[0]["output"]).dtype == np.float32


def test_what_does_not_go_together_is_refused(frame, again):
    series = Image(data=np.stack([frame.data] * 6), axes="TYX")
    with pytest.raises(InputError, match="exclude each other"):
        recorded(series, series, None, Options(repeats="T"))
    with pytest.raises(InputError, match="leave --pairs and --repeats out"):
        recorded(series, None, None, Options(method="mppca", repeats="T"))
    with pytest.raises(InputError, match="methods for series only"):
        recorded(frame, None, again, Options())
    assert with_settings(Options(method="mppca", settings={"window": 3}), phase=True).settings == {
        "window": 3,
        "phase": True,
    }
    assert with_settings(Options(method="patch2self"), phase=True).settings == {}


def test_a_pair_is_checked_and_a_truth_is_left_alone(frame, again):
    darker = again.with_data(again.data / 2)
    with pytest.warns(UserWarning, match="was brought to its scale"):
        take = recorded(frame, darker, None, Options())
    assert np.asarray(take.second.data[...]).mean() == pytest.approx(frame.data.mean(), rel=1e-4)
    assert recorded(frame, darker, None, Options(method="supervised")).second is darker
    moved = again.with_data(np.roll(again.data, 2, 0))
    with pytest.raises(InputError, match="at different places"):
        recorded(frame, moved, None, Options())


@pytest.mark.real
@pytest.mark.parametrize(("name", "gain"), [("mppca", 1.4), ("patch2self", 2.0)])
def test_real_fmri_has_a_higher_temporal_signal_to_noise_ratio_at_the_same_mean(name, gain, data_root):
    image = read(data_root / "fmri_spinal" / "fmri.nii.gz")
    before, after = np.asarray(image.data[...], np.float64), denoise(image, method=name).image.astype(np.float64)
    mean = before.mean(0)
    cord = mean > np.quantile(mean, 0.9)
    ratio = [np.median(x.mean(0)[cord] / x.std(0)[cord]) for x in (before, after)]
    assert ratio[1] > gain * ratio[0]
    assert np.abs(after.mean(0) - mean)[cord].mean() < 0.005 * mean[cord].mean()
