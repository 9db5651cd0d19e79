from pathlib import Path
from typing import Literal, Optional

import numpy as np
import pytest

from pellucid.cli import reconstruct
from pellucid.errors import InputError
from pellucid.workflows.scan import geometry, modalities

KNOWN = {
    "wavelength_nm": (float | None, None),
    "views": (int, 3),
    "ring": (bool, False),
    "model": (Literal["rytov", "born"], "rytov"),
    "angles": (str | None, None),
    "poses": (Path | None, None),
    "readout": (Optional[Literal["rows", "columns"]], None),  # noqa: UP045 - what `get_type_hints` makes of it
}


@pytest.mark.parametrize(
    ("flags", "meant"),
    [
        ([], {}),
        (["--wavelength-nm", "520"], {"wavelength_nm": 520.0}),
        (["--wavelength-nm=520", "--views", "4"], {"wavelength_nm": 520.0, "views": 4}),
        (["--ring", "--model", "born"], {"ring": True, "model": "born"}),
        (["--no-ring", "--angles", "-60:60:3"], {"ring": False, "angles": "-60:60:3"}),
        (["--poses", "a.npz"], {"poses": Path("a.npz")}),
        (["--readout", "rows"], {"readout": "rows"}),
    ],
)
def test_flags_become_what_the_modality_takes(flags, meant):
    scans, found = reconstruct.read(["a.h5", *flags, "b=c.h5"], KNOWN, "toy")
    assert scans == [Path("a.h5"), Path("b=c.h5")]
    assert found == meant
    assert {key: type(value) for key, value in found.items()} == {key: type(value) for key, value in meant.items()}


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--wavelenght-nm", "520"], "toy does not know --wavelenght-nm; .* --wavelength-nm, --views, --ring"),
        (["--wavelength-nm"], "--wavelength-nm needs a value: a number"),
        (["--wavelength-nm", "green"], "--wavelength-nm is a number; green is not"),
        (["--model", "exact"], "--model is rytov | born; exact is not"),
        (["--views", "2.5"], "--views is a whole number; 2.5 is not"),
        (["--ring"], "Nothing to reconstruct was named"),
        (["--readout", "x"], "--readout is rows | columns; x is not"),
    ],
)
def test_wrong_flags_are_told_in_a_sentence(flags, sentence):
    with pytest.raises(InputError, match=sentence.replace("|", r"\|")):
        reconstruct.read(flags, KNOWN, "toy")


def test_modalities_are_listed(command):
    ran = command("modalities")
    assert ran.code == 0
    assert all(name in ran.out for name in modalities())


@pytest.mark.parametrize("name", modalities())
def test_one_modality_shows_all_its_flags(command, name):
    ran = command("modalities", name)
    assert all(reconstruct.flag(key).removeprefix("--") in ran.out for key in geometry(name))


def test_wrong_use_ends_with_a_sentence_and_nothing_is_written(command, tmp_path):
    np.save(tmp_path / "scan.npy", np.zeros((4, 4), np.float32))
    for extra, sentence in (
        (["--modality", "xray"], "There is no modality xray"),
        (["--modality", "ct", "--colour", "red"], "ct does not know --colour"),
        (["--modality", "ct", "--method", "magic"], "There is no method magic"),
    ):
        ran = command("reconstruct", tmp_path / "scan.npy", *extra)
        assert ran.code == 2
        assert sentence in ran.err
        assert len(ran.err.splitlines()) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["scan.npy"]


@pytest.mark.parametrize(
    ("method", "trained"), [("ssdu", True), ("auto", True), ("cg", False), (None, False), ("magic", False)]
)
def test_a_training_looks_at_ctrl_c_itself(method, trained):
    assert reconstruct._trains(method) is trained


@pytest.fixture
def kspace(tmp_path):
    """Return a folder with a scan by two coils."""
    rng = np.random.default_rng(0)
    y = np.fft.fftshift(np.fft.fft2(np.hanning(32)[:, None] * rng.random((2, 32, 32))), axes=(-2, -1))
    np.save(tmp_path / "k.npy", y.astype(np.complex64))
    return tmp_path


MRI = ["--modality", "mri", "--calibration", "low_resolution", "--undersample", "2", "--calibration-width", "12"]
SSDU = ["--method", "ssdu", "--set", "preset=lite", "--steps", "2"]


def test_a_model_is_trained_kept_and_used(command, kspace):
    ran = command("reconstruct", kspace / "k.npy", *MRI, *SSDU, "--save-model", kspace / "m.zip", "--json")
    assert ran.code == 3  # two steps are worse than wavelets
    assert ran.facts["method"] == "ssdu"
    assert {score["method"] for score in ran.facts["scores"]} == {"ssdu", "wavelet"}
    again = command("reconstruct", kspace / "k.npy", *MRI, "--model", kspace / "m.zip", "-o", kspace / "again.nii.gz")
    assert "ssdu" in again.out
    assert "warning        wavelet predicts unseen measurements better" in again.out
    applied = command("apply", kspace / "m.zip", kspace / "again.nii.gz")
    assert applied.code == 2
    assert "is a model to reconstruct scans" in applied.err


def test_a_folder_is_reconstructed_past_a_file_that_is_broken(command, kspace):
    (kspace / "broken.npy").write_bytes(b"none")
    ran = command("reconstruct", kspace, *MRI, "--method", "adjoint", "--json")
    assert ran.code == 3
    done, failed = ran.facts["results"]
    assert done["method"] == "adjoint"
    assert "broken.npy" in failed["error"]
    assert "error" in command("reconstruct", kspace, *MRI, "--method", "adjoint", "--overwrite").out


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        (["--method", "ssdu", "--budget", "soon"], "A budget is a time such as 60s, 10m or 1h; soon is not"),
        (["--method", "ssdu", "--budget", "5s", "--steps", "3"], "--budget and --steps exclude each other"),
        (["--method", "cg", "--train", "set"], "--train is for a training, but cg is not trained"),
        (["--method", "ssdu", "--train", "nowhere"], "nowhere does not exist"),
        (["--method", "auto", "--set", "preset=lite"], "Settings belong to one method"),
        (["--method", "ssdu", "--set", "fraction=0.999", "--steps", "1"], "cannot be held out"),
        (["--method", "zs_sll"], "There is no method zs_sll"),
    ],
)
def test_wrong_use_of_a_training_ends_with_a_sentence(command, kspace, extra, sentence):
    ran = command("reconstruct", kspace / "k.npy", *MRI, *extra)
    assert ran.code == 2
    assert sentence in ran.err.splitlines()[-1]
    assert [entry.name for entry in kspace.iterdir()] == ["k.npy"]
