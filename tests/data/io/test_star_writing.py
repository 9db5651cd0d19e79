import mrcfile
import numpy as np
import pytest

from pellucid.data.io import star
from pellucid.data.io.star_writing import writable, write
from pellucid.errors import InputError

pytest.importorskip("starfile", reason="starfile, of the extra em, reads STAR")

TABLES = {
    "optics": {"rlnOpticsGroup": [1], "rlnOpticsGroupName": ["first light"], "rlnImagePixelSize": [2.0]},
    "particles": {
        "rlnImageName": ["000001@a.mrcs", "000002@a.mrcs"],
        "rlnAngleRot": [0.0, 0.0],
        "rlnAngleTilt": [0.0, 0.0],
        "rlnAnglePsi": np.array([12.5, -170.0]),
        "rlnOriginXAngst": [1.0, 0.0],
        "rlnOriginYAngst": [-4.0, 0.0],
        "rlnOpticsGroup": [1, 1],
    },
}


def test_what_is_written_is_read(tmp_path):
    with mrcfile.new(tmp_path / "a.mrcs") as file:
        file.set_data(np.zeros((2, 4, 4), np.float32))
    write(tmp_path / "a.star", TABLES, comment="two\nlines")
    found = star.read(tmp_path / "a.star")
    assert found.names == ("000001@a.mrcs", "000002@a.mrcs")
    assert found.pixel_size_angstrom == 2.0
    np.testing.assert_allclose(np.degrees(found.angles[:, 2]), [12.5, -170])
    np.testing.assert_allclose(found.shifts, [[2.0, -0.5], [0, 0]])
    assert (tmp_path / "a.star").read_text().startswith("# version 30001\n# two\n# lines\n\ndata_optics\n")
    assert star.tables(tmp_path / "a.star")["optics"]["rlnOpticsGroupName"] == ["first light"]


@pytest.mark.parametrize("name", ["", "first light", "first\tlight"])
def test_text_stays_one_entry(name, tmp_path):
    write(tmp_path / "a.star", {"optics": {"rlnOpticsGroupName": [name, "b"], "rlnOpticsGroup": [1, 2]}})
    found = star.tables(tmp_path / "a.star")["optics"]
    assert [list(map(str, column)) for column in found.values()] == [[name, "b"], ["1", "2"]]


def test_nothing_is_replaced_unasked_and_nothing_half_written(tmp_path):
    path = tmp_path / "a.star"
    write(path, TABLES)
    with pytest.raises(InputError, match="--overwrite"):
        write(path, TABLES)
    before = path.read_bytes()
    uneven = {"particles": {"rlnImageName": ["1@a", "2@a"], "rlnAnglePsi": [0.0]}}
    with pytest.raises(ValueError, match="shorter"):
        write(path, uneven, overwrite=True)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.star"]


@pytest.mark.parametrize(("name", "reason"), [("a.txt", "end with .star"), ("gone/a.star", "does not exist")])
def test_places_are_checked_beforehand(tmp_path, name, reason):
    with pytest.raises(InputError, match=reason):
        writable(tmp_path / name)
