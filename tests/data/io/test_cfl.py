import numpy as np
import pytest

from pellucid.data.io import cfl
from pellucid.errors import InputError


def save(path, numbers, header=None):
    path.with_suffix(".cfl").write_bytes(np.asarray(numbers, "<c8").tobytes("F"))
    sizes = " ".join(map(str, [*numbers.shape, *[1] * (16 - numbers.ndim)]))
    path.with_suffix(".hdr").write_text(f"# Dimensions\n{sizes} \n# Command\nphantom\n" if header is None else header)
    return path


@pytest.mark.parametrize("suffix", [".cfl", ".hdr"])
def test_the_first_axis_runs_fastest(tmp_path, suffix):
    numbers = (np.arange(24) + 1j).reshape(2, 3, 1, 4).astype(np.complex64)
    read = cfl.read(save(tmp_path / f"a{suffix}", numbers))
    assert read.shape == (2, 3, 1, 4, *[1] * 12)
    assert np.array_equal(read.reshape(2, 3, 1, 4), numbers)
    first = np.fromfile(tmp_path / "a.cfl", np.complex64)[:2]
    assert first.tolist() == [numbers[0, 0, 0, 0], numbers[1, 0, 0, 0]]


def test_a_name_with_dots_is_kept(tmp_path):
    assert cfl.read(save(tmp_path / "scan.v2.cfl", np.ones((2, 2)))).shape[:2] == (2, 2)


def test_a_lone_file_is_refused(tmp_path):
    for lost, left in ((".hdr", ".cfl"), (".cfl", ".hdr")):
        path = save(tmp_path / "a.cfl", np.ones((2, 2)))
        path.with_suffix(lost).unlink()
        with pytest.raises(InputError, match=rf"a\{lost} is missing"):
            cfl.read(path.with_suffix(left))


@pytest.mark.parametrize("change", [-8, -3, 8])
def test_more_or_fewer_numbers_than_the_header_says_are_refused(tmp_path, change):
    path = save(tmp_path / "a.cfl", np.ones((4, 5)))
    content = path.read_bytes()
    path.write_bytes(content[:change] if change < 0 else content + bytes(change))
    with pytest.raises(InputError, match=r"a\.hdr says 160: it is cut short or damaged"):
        cfl.read(path)


@pytest.mark.parametrize(
    "header", ["", "# Dimensions", "# Dimensions\n", "# Dimensions\n4 x", "# Dimensions\n4 -5", "# Dimensions\n0 4",
               "# Dimensions\n" + "1 " * 17, "# Dimensions\n99999999999999 1"]
)  # fmt: skip
def test_a_header_without_sizes_is_refused(tmp_path, header):
    with pytest.raises(InputError, match=r"a\.hdr does not say 16 dimensions"):
        cfl.read(save(tmp_path / "a.cfl", np.ones((4, 5)), header))


def test_axes_come_in_the_order_asked_for(tmp_path):
    numbers = (np.arange(24) + 1j).reshape(2, 3, 1, 4)
    read = cfl.read(save(tmp_path / "a.cfl", numbers))
    order = (cfl.SLICE, cfl.COIL, cfl.PHASE, cfl.READ)
    assert np.array_equal(cfl.along(read, order, "a.cfl")[0], numbers[:, :, 0].transpose(2, 1, 0))
    with pytest.raises(InputError, match=r"a\.cfl has data along BART's axis 3 \(length 4\)"):
        cfl.along(read, (cfl.PHASE, cfl.READ), "a.cfl")


@pytest.mark.real
def test_the_real_files_have_their_sizes(data_root):
    turn = cfl.read(data_root / "mri_sms_radial" / "Supporting_Figure_S1_kMB2_turn_SP29.cfl")
    assert turn.shape == (384, 29, 1, 16, *[1] * 9, 2, 1, 1)
    assert cfl.read(data_root / "formats_mri" / "phantom8ch.hdr").shape[:4] == (64, 64, 1, 8)
