import pytest

from pellucid.errors import InputError
from pellucid.workflows import scan as scans
from pellucid.workflows.scan_files import expand, read_all, training_set

from .scans import recorded, toy


@pytest.fixture(autouse=True)
def instrument(monkeypatch):
    monkeypatch.setattr(scans, "modality", lambda name: toy)


@pytest.fixture
def folder(tmp_path):
    for name in ("b.npy", "a.npy", ".hidden.npy", "a_reconstructed.nii.gz", "b_deconvolved.ome.tif", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "sub").mkdir()
    return tmp_path


def test_a_folder_stands_for_its_scans_and_not_for_results(folder):
    assert [path.name for path in expand([folder])] == ["a.npy", "b.npy"]
    assert [path.name for path in expand([folder / "notes.txt", folder / "a.npy", folder])] == [
        "notes.txt",
        "a.npy",
        "b.npy",
    ]


def test_what_is_not_there_is_told(folder):
    with pytest.raises(InputError, match=r"nowhere.h5 does not exist"):
        expand([folder / "nowhere.h5"])
    with pytest.raises(InputError, match="holds no scan"):
        expand([folder / "sub"])


def test_what_cannot_be_read_is_left_out_unless_it_is_all(folder):
    recorded(folder / "b.npy")
    told = []
    scans, failures = read_all(expand([folder]), "toy", {}, told.append)
    assert [path.name for path in scans] == ["b.npy"]
    assert [path.name for path in failures] == ["a.npy"]
    assert "a.npy is left out" in told[0].text
    with pytest.raises(InputError, match="is no array"):
        read_all([folder / "a.npy"], "toy", {}, told.append)
    with pytest.raises(InputError, match="None of 2 files can be read as toy"):
        read_all([folder / "a.npy", folder / "notes.txt"], "toy", {}, told.append)


def test_what_holds_for_one_scan_is_not_used_for_others(folder):
    recorded(folder / "b.npy")
    scans, doubts = training_set(folder, "toy", {"every": 3, "coil_maps": folder / "m.h5"}, lambda event: None)
    assert next(iter(scans.values())).notes == ("Every 3 rows were measured.",)
    assert doubts[0].startswith("a.npy was left out of the training: ")
