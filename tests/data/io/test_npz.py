import numpy as np
import pytest

from pellucid.data.io.npz import arrays
from pellucid.errors import InputError


def test_reads_what_is_asked_for(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, field=np.ones((2, 3), np.complex64), angles=np.arange(2.0), other=np.zeros(1))
    found = arrays(path, ("field", "angles", "absent"))
    assert sorted(found) == ["angles", "field"]
    assert found["field"].dtype == np.complex64
    np.testing.assert_array_equal(found["angles"], [0, 1])


def test_never_unpickles(tmp_path):
    np.savez(tmp_path / "a.npz", field=np.array([{}], dtype=object))
    with pytest.raises(InputError, match="plain numbers"):
        arrays(tmp_path / "a.npz", ("field",))


def test_damage_is_told(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, field=np.ones((50, 50)))
    whole = path.read_bytes()
    for broken in (whole[:500], whole[:100] + b"\xff" * 300 + whole[400:], b"nothing"):
        path.write_bytes(broken)
        with pytest.raises(InputError, match=r"a\.npz"):
            arrays(path, ("field",))
