import h5py
import numpy as np
import pytest
import torch

from pellucid.data.io.localisations import read
from pellucid.errors import InputError

HEADER = 'id,"frame","x [nm]","y [nm]","intensity [photon]","uncertainty [nm]"'
ROWS = "1.0,2001.0,1320.5,26344.7,296.5,22.9\n2.0,2001.0,3809.7,20562.6,196.1,27.6\n"


@pytest.mark.parametrize("header", [HEADER, '"' + HEADER.replace('"', '""') + '"'])
def test_thunderstorm(tmp_path, header):
    (tmp_path / "a.csv").write_text(f"{header}\n{ROWS}")
    table = read(tmp_path / "a.csv")
    assert table.frame.tolist() == [2001, 2001]
    np.testing.assert_allclose(table.positions_nm, [[26344.7, 1320.5], [20562.6, 3809.7]])
    np.testing.assert_allclose(table.photons, [296.5, 196.1])
    np.testing.assert_allclose(table.precision_nm, [22.9, 27.6])


def test_picasso(tmp_path):
    kind = [("frame", "<u4"), ("x", "<f4"), ("y", "<f4"), ("lpx", "<f4"), ("lpy", "<f4")]
    locs = np.array([(3, 1.5, 2.0, 0.1, 0.1), (4, 0.0, 7.0, 0.3, 0.4)], kind)
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file["locs"] = locs
    with pytest.raises(InputError, match="give pixel_size_nm"):
        read(tmp_path / "a.hdf5")
    (tmp_path / "a.yaml").write_text("Camera.Pixelsize: 65\n---\nPixelsize: 130\n")
    table = read(tmp_path / "a.hdf5")
    np.testing.assert_allclose(table.positions_nm, [[325, 260], [975, 65]])
    np.testing.assert_allclose(table.precision_nm, [13, 130 * np.sqrt(0.125)], rtol=1e-6)
    assert table.photons is None
    assert float(read(tmp_path / "a.hdf5", pixel_size_nm=100).positions_nm[0, 0]) == 250


def test_npz_with_columns_and_with_a_table(tmp_path):
    np.savez(tmp_path / "a.npz", frame=[1, 2], xnm=[10.0, 20.0], ynm=[30.0, 40.0], phot=[5.0, 6.0])
    np.savez(tmp_path / "b.npz", data=np.array([[1, 10, 30], [2, 20, 40.0]]), columns=np.array(["frame", "x", "y"]))
    for name in "ab":
        assert read(tmp_path / f"{name}.npz").positions_nm.tolist() == [[30, 10], [40, 20]]


def test_tables_that_cannot_be_used_are_refused(tmp_path):
    for text, said in (
        ("frame,x [nm]\n1,2\n", r"lacks y \[nm\]; it has frame, x \[nm\]"),
        ("frame,x [nm],y [nm]\n1,2,a\n", "other things than numbers"),
        ("frame,x [nm],y [nm]\n1,2\n", "names 3 columns and has 2"),
        ("frame,x [nm],y [nm]\n1,2,nan\n", "not finite"),
    ):
        (tmp_path / "a.csv").write_text(text)
        with pytest.raises(InputError, match=said):
            read(tmp_path / "a.csv")
    np.savez(tmp_path / "a.npz", data=np.zeros((4, 5)))
    with pytest.raises(InputError, match="not a table of frame, x and y"):
        read(tmp_path / "a.npz")
    with pytest.raises(InputError, match="does not exist"):
        read(tmp_path / "b.csv")


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("smlm_localizations/thunderstorm_dstorm.csv", 19),
        ("smlm_localizations/picasso_raw_movie_locs.hdf5", 2399),
        ("smlm_localizations/smap_dstorm.npz", 4884),
        ("smlm_deepstorm_sim/positions.npz", 81178),
    ],
)
def test_real_tables(data_root, name, count):
    table = read(data_root / name)
    assert len(table) == count
    size = float(table.positions_nm.max()) / 64
    assert table.rendered(size, (64, 64), precision_nm=size).max() > 0
    assert table.photons is None or torch.median(table.photons) > 50
