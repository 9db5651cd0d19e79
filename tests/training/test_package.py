import io
import pickle
import resource
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from pellucid.errors import InputError
from pellucid.training import package

TEXTS = {name: f"content of {name}: µm\n" for name in package.TEXTS}
WEIGHTS = {"0.a": torch.linspace(0, 1, 5), "0.b": torch.eye(3).T}


@pytest.fixture(params=["model.pellucid", "model"])
def path(request, tmp_path) -> Path:
    """Return where a package goes: a zip file, and a folder."""
    return tmp_path / request.param


def same(read) -> bool:
    texts, weights = read
    return texts == TEXTS and all(torch.equal(weights.pop(name), value) for name, value in WEIGHTS.items())


def test_a_package_comes_back_as_zip_and_as_folder(path):
    assert package.save(path, TEXTS, WEIGHTS) == path
    assert path.is_dir() == (path.suffix == "")
    assert same(package.load(path))
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_only_a_model_is_overwritten_and_only_where_that_is_asked(path, tmp_path):
    package.save(path, dict.fromkeys(TEXTS, "old"), {})
    with pytest.raises(InputError, match="exists already"):
        package.save(path, TEXTS, WEIGHTS)
    package.save(path, TEXTS, WEIGHTS, overwrite=True)
    assert same(package.load(path))
    precious = tmp_path / "results"
    precious.mkdir()
    package.save(precious, TEXTS, WEIGHTS, overwrite=True)  # empty: nothing is lost
    assert same(package.load(precious))
    (precious / "model.json").rename(precious / "thesis.txt")
    with pytest.raises(InputError, match="something other than a model"):
        package.save(precious, TEXTS, WEIGHTS, overwrite=True)
    assert (precious / "thesis.txt").is_file()


def test_a_file_without_a_suffix_may_become_a_folder(tmp_path):
    (tmp_path / "model").write_text("old")
    assert same(package.load(package.save(tmp_path / "model", TEXTS, WEIGHTS, overwrite=True)))


def test_a_package_is_written_as_a_whole_or_not_at_all(path):
    package.save(path, TEXTS, WEIGHTS)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, hard))  # a disk with room for 64 KiB
    try:
        with pytest.raises(OSError, match="File too large"):
            package.save(path, TEXTS, {"large": torch.zeros(1 << 16)}, overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert same(package.load(path))


def test_the_folder_must_exist(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        package.save(tmp_path / "gone" / "model.pellucid", TEXTS, WEIGHTS)


def zipped(parts, compression=zipfile.ZIP_STORED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as file:
        for name, part in parts.items():
            file.writestr(name, part)
    return content.getvalue()


@pytest.fixture
def parts(tmp_path) -> dict[str, bytes]:
    """Return the content of a good package."""
    folder = package.save(tmp_path / "good", TEXTS, WEIGHTS)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def assert_refused(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    with pytest.raises(InputError, match="is not a model of Pellucid"):
        package.load(path)


def test_pickled_weights_are_refused_and_never_run(parts, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "it ran",))

    assert_refused(zipped(parts | {package.WEIGHTS: pickle.dumps(Bomb())}), tmp_path / "a.pellucid")
    assert_refused(pickle.dumps(Bomb()), tmp_path / "b.pellucid")
    torch.save({"a": torch.ones(1)}, buffer := io.BytesIO())
    assert_refused(buffer.getvalue(), tmp_path / "c.pellucid")
    assert_refused(zipped(parts | {package.WEIGHTS: buffer.getvalue()}), tmp_path / "d.pellucid")
    assert not (tmp_path / "it ran").exists()


def test_a_zip_bomb_is_refused_before_it_is_unpacked(parts, tmp_path):
    bomb = zipped(parts | {"history.csv": bytes(64 << 20)}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 1 << 20
    assert_refused(bomb, tmp_path / "a.pellucid")


def test_a_part_that_declares_more_than_the_file_holds_is_refused(parts, tmp_path):
    content = bytearray(zipped(parts))
    entry = content.rindex(b"PK\x01\x02", 0, content.rindex(b"model.json"))
    content[entry + 20 : entry + 28] = b"\xf0\xff\xff\xff" * 2  # 4 GiB, packed and unpacked
    assert_refused(bytes(content), tmp_path / "a.pellucid")


def test_missing_parts_and_broken_texts_are_refused(parts, tmp_path):
    for name in (*package.TEXTS, package.WEIGHTS):
        assert_refused(zipped({k: v for k, v in parts.items() if k != name}), tmp_path / "a.pellucid")
    assert_refused(zipped(parts | {"model.json": b"\xff"}), tmp_path / "a.pellucid")
    (tmp_path / "good" / "model.json").unlink()
    with pytest.raises(InputError, match="is not a model of Pellucid"):
        package.load(tmp_path / "good")
    (tmp_path / "good" / "model.json").mkdir()
    with pytest.raises(InputError, match="is not a model of Pellucid"):
        package.load(tmp_path / "good")
    with pytest.raises(InputError, match="There is no model"):
        package.load(tmp_path / "gone.pellucid")


def test_names_that_point_elsewhere_are_never_unpacked(parts, tmp_path):
    inside = tmp_path / "inner"
    inside.mkdir()
    sly = {"../evil.txt": b"x", "/evil.txt": b"x", "inner/../../model.json": b"x"}
    (inside / "a.pellucid").write_bytes(zipped(parts | sly))
    assert same(package.load(inside / "a.pellucid"))
    assert {file.name for file in tmp_path.iterdir()} == {"good", "inner"}
    lacking = {name: part for name, part in parts.items() if name != "model.json"}
    assert_refused(zipped(lacking | {"../model.json": parts["model.json"]}), inside / "b.pellucid")


def test_damaged_packages_are_refused_or_whole(parts, tmp_path, numpy_rng):
    """Flip bytes and cut ends at random: what is read is what was written, or the one sentence comes."""
    whole, refused = zipped(parts), 0
    path = tmp_path / "a.pellucid"
    for _ in range(300):
        content = np.frombuffer(whole, np.uint8).copy()
        content[numpy_rng.integers(len(content), size=2)] = numpy_rng.integers(256, size=2)
        cut = len(content) if numpy_rng.random() < 0.8 else numpy_rng.integers(len(content))
        path.write_bytes(content[:cut].tobytes())
        try:
            assert same(package.load(path))
        except InputError:
            refused += 1
    assert 100 < refused < 300


def test_json_is_read_and_written_as_people_write_it():
    value = {"pixel": "0.1 µm", "path": Path("a/b"), "list": [1, None, 0.1]}
    assert "µm" in package.dumps(value)
    assert package.loads(package.dumps(value)) == value | {"path": "a/b"}


@pytest.mark.parametrize("text", ["{", "", "[" * 100_000])
def test_what_is_no_json_is_refused(text):
    with pytest.raises(InputError, match="not JSON"):
        package.loads(text)
