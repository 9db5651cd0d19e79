import pytest

from pellucid.report.saving import save


def test_replaces_an_older_file(tmp_path):
    path = tmp_path / "a.html"
    path.write_bytes(b"old and longer")
    save(b"new", path)
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_leaves_nothing_behind_where_it_fails(tmp_path):
    path = tmp_path / "a.html"
    path.mkdir()
    with pytest.raises(OSError, match=r"a\.html"):
        save(b"new", path)
    assert list(tmp_path.iterdir()) == [path]
