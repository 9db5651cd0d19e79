"""Every line of bad input: one sentence, exit code 2, no output, nothing overwritten, no traceback."""

import re
import resource
from pathlib import Path

import mrcfile
import numpy as np
import pytest
import tifffile
import zarr

FAST = ("--method", "noise2void", "--set", "features=4", "--set", "depth=1", "--steps", 3)


def contents(folder: Path) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


@pytest.fixture
def refused(command, tmp_path):
    """Return a caller that expects a refusal which leaves the folder as it was, and returns the sentence."""

    def run(*arguments) -> str:
        before = contents(tmp_path)
        ran = command(*arguments)
        assert ran.code == 2, ran.err
        assert contents(tmp_path) == before
        errors = [line for line in ran.err.splitlines() if line.startswith("error: ")]
        assert errors == ran.err.splitlines()[-1:]
        assert "Traceback" not in ran.err
        assert ran.out == ""
        return errors[0]

    return run


def missing(folder, image):
    return folder / "nothing.tif"


def empty_folder(folder, image):
    (folder / "empty").mkdir()
    return folder / "empty"


def truncated_tiff(folder, image):
    path = folder / "cut.tif"
    tifffile.imwrite(path, image)
    path.write_bytes(path.read_bytes()[:-4000])
    return path


def huge_tiff(folder, image):
    path = folder / "huge.tif"
    tifffile.imwrite(path, image)
    with tifffile.TiffFile(path, mode="r+b") as file:
        for tag in ("ImageWidth", "ImageLength"):
            file.pages[0].tags[tag].overwrite(60_000)
    return path


def corrupt_zarr(folder, image):
    path = folder / "broken.zarr"
    zarr.create_array(path, data=image)
    (path / "zarr.json").write_text("{")
    return path


def huge_mrc(folder, image):
    path = folder / "huge.mrc"
    with mrcfile.new(path, image.astype(np.float32)) as file:
        file.flush()
    header = bytearray(path.read_bytes())
    header[:12] = np.array([30_000, 30_000, 30_000], np.int32).tobytes()
    path.write_bytes(header)
    return path


def saved(name, make):
    """Return a maker of an NPY file."""

    def save(folder, image):
        np.save(folder / f"{name}.npy", make(image), allow_pickle=True)
        return folder / f"{name}.npy"

    save.__name__ = name
    return save


def with_value(value):
    def make(image):
        spoilt = image.astype(np.float32)
        spoilt[3, 4:7] = value
        return spoilt

    return make


BAD = [
    (missing, "does not exist: check the name"),
    (empty_folder, "holds no image"),
    (truncated_tiff, "cut.tif"),
    (huge_tiff, "huge.tif"),
    (corrupt_zarr, "broken.zarr"),
    (huge_mrc, "huge.mrc"),
    (saved("objects", lambda image: np.array([{"a": 1}, None], object)), "objects.npy"),
    (saved("complex", lambda image: image * 1j), "is complex"),
    (saved("constant", np.zeros_like), "is constant"),
    (saved("nan", with_value(np.nan)), "holds 3 NaN"),
    (saved("infinite", with_value(np.inf)), "3 infinit"),
    (saved("tiny", lambda image: image[:7, :7]), "32"),
    (saved("movie", lambda image: np.stack([image] * 3)), "Add --axes TYX if it is a movie"),
]


@pytest.mark.parametrize(("make", "sentence"), BAD, ids=[make.__name__ for make, _ in BAD])
def test_bad_image(refused, tmp_path, nuclei, make, sentence):
    assert sentence in refused("denoise", make(tmp_path, nuclei[0]), *FAST)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--axes", "ABC"), "--axes ABC is not a reading"),
        (("--axes", "TZYX"), "names 4"),
        (("--channel", "1"), "has no channels"),
        (("--method", "noise2vod"), "Did you mean noise2void?"),
        (("--set", "wings=2"), "has no setting wings"),
        (("--set", "radius=wide"), "radius of noise2void is a whole number"),
        (("--set", "patch=-1"), "patch of noise2void is a whole number above zero"),
        (("--device", "abacus"), "abacus"),
        (("--device", "cuda:99"), "cuda:99"),
        (("--model", "none.safetensors"), "none.safetensors"),
        (("--pairs", "none.tif"), "none.tif does not exist"),
        (("--output", "result.jpeg"), "result.jpeg cannot be written"),
        (("--output", "nowhere/result.tif"), "nowhere does not exist"),
        (("--save-model", "nowhere/model.pellucid"), "nowhere does not exist"),
    ],
    ids=lambda value: "_".join(value) if isinstance(value, tuple) else "",
)
def test_bad_option(refused, noisy, options, sentence, monkeypatch):
    monkeypatch.chdir(noisy.parent)
    rest = () if "--model" in options else FAST[2:] if "--method" in options else FAST
    assert sentence in refused("denoise", noisy, *rest, *options)


def test_image_smaller_than_the_need_of_the_network(refused, tmp_path, nuclei):
    np.save(tmp_path / "small.npy", nuclei[0, :48, :48])
    sentence = refused("denoise", tmp_path / "small.npy", "--method", "noise2void", "--set", "depth=4", "--steps", 3)
    assert "48 x 48 pixels, smaller than the 64 x 64" in sentence


def test_fill_nan_accepts(command, tmp_path, nuclei):
    path = saved("nan", with_value(np.nan))(tmp_path, nuclei[0])
    ran = command("denoise", path, "--method", "non_local_means", "--fill-nan", "--json")
    assert ran.code in (0, 3)
    assert np.isfinite(tifffile.imread(ran.facts["output"])).all()


def test_pairs_of_another_shape(refused, tmp_path, noisy, nuclei):
    np.save(tmp_path / "small.npy", nuclei[1][:48])
    assert "small.npy" in refused("denoise", noisy, "--pairs", tmp_path / "small.npy")


def test_pairs_of_another_object(refused, tmp_path, noisy, nuclei):
    np.save(tmp_path / "other.npy", np.random.default_rng(1).permuted(nuclei[1]))
    assert "do not show the same object" in refused("denoise", noisy, "--pairs", tmp_path / "other.npy")


def test_output_that_exists(refused, tmp_path, noisy):
    (tmp_path / "cells_denoised.ome.tif").write_bytes(b"precious")
    assert "--overwrite" in refused("denoise", noisy, *FAST)


def test_output_over_the_input(refused, noisy):
    assert "would replace its input" in refused("denoise", noisy, *FAST, "-o", noisy, "--overwrite")


def test_output_that_cannot_be_written(refused, noisy):
    assert "cells.tif" in refused("denoise", noisy, *FAST, "-o", noisy / "result.ome.tif")


def test_full_disk(refused, noisy):
    """A limit on the size of files fails a write as a full disk does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6000, limits[1]))
    try:
        assert "cells_denoised.ome.tif could not be written" in refused("denoise", noisy, "--method", "non_local_means")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_model_with_pickled_content(refused, tmp_path, noisy):
    import pickle

    (tmp_path / "model.pellucid").write_bytes(pickle.dumps({"weights": [1.0]}))
    assert "pickled" in refused("apply", tmp_path / "model.pellucid", noisy)
    assert "pickled" in refused("denoise", noisy, "--model", tmp_path / "model.pellucid")


def test_model_of_other_channels(command, refused, tmp_path, noisy, nuclei):
    model = tmp_path / "model.pellucid"
    assert command("train", noisy, *FAST, "-o", model).code == 0
    np.save(tmp_path / "two.npy", nuclei)
    assert "channel" in refused("apply", model, tmp_path / "two.npy", "--axes", "CYX")


def test_model_of_other_dimensions(command, refused, tmp_path, noisy, numpy_rng):
    np.save(tmp_path / "stack.npy", numpy_rng.poisson(20, (16, 32, 32)).astype(np.float32))
    model = tmp_path / "model.pellucid"
    ran = command("train", tmp_path / "stack.npy", "--axes", "ZYX", "--dims", 3, *FAST, "-o", model)
    assert ran.code == 0, ran.err
    assert "made for stacks with a Z axis" in refused("apply", model, noisy)


def calibration_of(values):
    """Return a maker of a calibration from a field of photons, (150, 120)."""

    def make(folder, image):
        rng = np.random.default_rng(5)
        row, column = np.mgrid[-1:1:150j, -1:1:120j]
        photons = rng.poisson(2 + 160 * np.exp(-4 * (row**2 + column**2)))
        tifffile.imwrite(folder / "field.tif", values(100 + 2 * photons + rng.normal(0, 2, photons.shape)))
        return folder / "field.tif"

    return make


@pytest.mark.parametrize(
    ("method", "make", "said"),
    [
        ("pn2v", calibration_of(lambda y: np.full(y.shape, 300, np.uint16)), "field.tif .*constant|all its values are"),
        ("pn2v", calibration_of(lambda y: y.clip(0, 120).round().astype(np.uint8)), "field.tif .* of the image"),
        ("pn2v", calibration_of(lambda y: (y * 16).astype(np.uint16)), "field.tif tells of the noise at intensities"),
        ("pn2v", calibration_of(lambda y: np.stack([y, y, y, y, 2 * y]).astype(np.uint16)), "field.tif .* differs"),
        ("pn2v", calibration_of(lambda y: (y + 60 * (np.arange(120) // 6 % 2)).astype(np.uint16)), "with structure in"),
        ("pn2v", missing, "nothing.tif"),
        ("noise2void", calibration_of(lambda y: y.astype(np.uint16)), "noise2void learns no noise .*: divnoising"),
        ("auto", calibration_of(lambda y: y.astype(np.uint16)), "auto learns no noise model .*: divnoising, pn2v"),
    ],
)
def test_a_calibration_that_does_not_suit_is_refused(method, make, said, refused, noisy, tmp_path):
    calibration = make(tmp_path, noisy)
    assert re.search(said, refused("denoise", noisy, "--method", method, "--steps", 3, "--calibration", calibration))
