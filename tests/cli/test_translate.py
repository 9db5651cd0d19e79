import numpy as np
import pytest
import tifffile

SMALL = ("--set", "features=4", "--set", "depth=1", "--steps", 2)


@pytest.fixture
def kinds(tmp_path, numpy_rng):
    """Return two folders of bright cells."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(3):
            content = np.kron(numpy_rng.random((6, 6)) < 0.25, np.ones((4, 4)))
            tifffile.imwrite(tmp_path / name / f"{number}.tif", (100 + 900 * content).astype(np.uint16))
    return "--from", tmp_path / "a", "--to", tmp_path / "b"


def test_it_says_that_images_are_generated_and_what_was_checked(command, kinds, tmp_path):
    ran = command("translate", *kinds, "-o", tmp_path / "out", *SMALL)
    assert ran.code in (0, 3)
    assert "generated      The images are generated" in ran.out
    assert "checked        input and output correlate by" in ran.out
    assert ("doubt " in ran.out) == (ran.code == 3)
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_a_swap_is_a_doubt(command, kinds, tmp_path):
    """A polarity that the images do not have: whatever two steps made, it is no translation into it."""
    ran = command("translate", *kinds, "-o", tmp_path / "out", *SMALL, "--content-to", "dark", "--json")
    assert ran.code == 3
    assert ran.facts["doubts"]
    assert ran.facts["generated"] is True
    assert ran.facts["checks"]["polarity"] == -1


@pytest.mark.parametrize("flag", [("--method", "c2gan"), ("--content-to", "dark"), ("--set", "rate=1")])
def test_a_model_is_used_as_it_is(flag, command, kinds, tmp_path):
    ran = command("translate", *kinds[:2], "--model", "m.pellucid", "-o", tmp_path / "more", *flag)
    assert ran.code == 2
    assert f"--model and {flag[0]} exclude each other" in ran.err


def test_a_model_needs_no_folders(command, kinds, tmp_path):
    model = tmp_path / "m.pellucid"
    command("translate", *kinds, "-o", tmp_path / "out", *SMALL, "--save-model", model)
    ran = command("translate", tmp_path / "a" / "1.tif", "--model", model, "-o", tmp_path / "more")
    assert ran.code in (0, 3)
    assert [path.name for path in (tmp_path / "more").iterdir()] == ["1_translated.ome.tif"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--method", "magic"), "magic is no method to translate: cyclegan, c2gan, pix2pix are"),
        (("--steps", 2, "--budget", "5s"), "exclude each other"),
        (("--model", "m.pellucid"), "--model and --to exclude each other"),
        (("--set", "colour=1"), "no setting colour"),
    ],
)
def test_wrong_use_is_one_sentence(arguments, sentence, command, kinds, tmp_path):
    ran = command("translate", *kinds, "-o", tmp_path / "out", *arguments)
    assert ran.code == 2
    assert sentence in ran.err
    assert not (tmp_path / "out").exists()


def test_a_hole_in_the_numbers_is_refused_or_filled(command, kinds, tmp_path):
    spoilt = np.full((24, 24), 5, np.float32)
    spoilt[3, 3], spoilt[9:] = np.nan, 9
    for path in (*(tmp_path / "a").iterdir(), *(tmp_path / "b").iterdir()):
        tifffile.imwrite(path, spoilt)
    given = ("translate", *kinds, "-o", tmp_path / "out", *SMALL, "--content-from", "bright", "--content-to", "bright")
    ran = command(*given)
    assert ran.code == 2
    assert "holds 1 NaN; --fill-nan" in ran.err
    assert not (tmp_path / "out").exists()
    assert command(*given, "--fill-nan").code in (0, 3)


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        ([], "holds no image"),
        ([np.eye(24, dtype=np.uint16)], "holds one image"),
        ([np.eye(12, dtype=np.uint16)] * 2, "has 12 x 12 pixels, and a critic judges 16 x 16"),
        ([np.eye(24, dtype=np.uint16)[..., None].repeat(3, -1)] * 2, "choose one with --channel"),
        ([np.eye(24, dtype=np.uint16), np.eye(24, dtype=np.uint8)], "no common scale"),
    ],
)
def test_a_folder_that_is_no_kind_is_one_sentence(images, sentence, command, kinds, tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    for number, image in enumerate(images):
        tifffile.imwrite(folder / f"{number}.tif", image, photometric="rgb" if image.ndim == 3 else "minisblack")
    ran = command("translate", *kinds[:2], "--to", folder, "-o", tmp_path / "out", *SMALL)
    assert ran.code == 2
    assert sentence in ran.err
    assert len(ran.err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
