from pathlib import Path
from typing import Literal

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
    ],
)
def test_flags_become_what_the_modality_takes(flags, meant):
    found = reconstruct.read(flags, KNOWN, "toy")
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
        (["other.h5"], "toy does not know other.h5"),
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
