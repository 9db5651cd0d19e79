import json
import pickle
import resource
import struct

import pytest
import torch
from safetensors.torch import save_file

from pellucid.errors import InputError
from pellucid.training import checkpoint

TENSORS = {
    "weight": torch.linspace(-1, 1, 6).view(2, 3),
    "strided": torch.arange(12.0).view(3, 4).T,
    "scalar": torch.tensor(1 / 3, dtype=torch.float64),
    "empty": torch.zeros(0, 2),
    "mask": torch.tensor([True, False]),
}


def test_tensors_and_facts_come_back_to_the_bit(tmp_path):
    path = tmp_path / "new" / "state.safetensors"
    facts = {"index": 3, "third": 1 / 3, "none": None, "rows": [{"loss": float("inf")}]}
    checkpoint.save(path, TENSORS, facts)
    tensors, read = checkpoint.load(path)
    assert read == facts
    assert {name: t.dtype for name, t in tensors.items()} == {name: t.dtype for name, t in TENSORS.items()}
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


def test_a_checkpoint_is_replaced_as_a_whole_or_not_at_all(tmp_path):
    path = tmp_path / "state.safetensors"
    checkpoint.save(path, TENSORS, {"index": 1})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, hard))  # a disk with room for 64 KiB
    try:
        with pytest.raises(OSError, match="File too large"):
            checkpoint.save(path, {"large": torch.zeros(1 << 16)}, {"index": 2})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert checkpoint.load(path)[1] == {"index": 1}
    checkpoint.save(path, TENSORS, {"index": 3})
    assert checkpoint.load(path)[1] == {"index": 3}


def headed(**header) -> bytes:
    """Return a safetensors file with such a header and no data."""
    content = json.dumps(header).encode()
    return struct.pack("<Q", len(content)) + content


def described(facts: str) -> bytes:
    return headed(__metadata__={"pellucid": facts})


GOOD = described("{}")
REFUSED = {
    "empty": b"",
    "text": b"not a checkpoint at all",
    "pickle": pickle.dumps({"index": 1}),
    "truncated": GOOD[:-3],
    "header longer than the file": struct.pack("<Q", 1 << 40) + GOOD[8:],
    "tensor longer than the file": headed(a={"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}),
    "no facts": headed(),
    "facts that are no JSON": described("{"),
    "facts that are no table": described("3"),
    "facts without end": described("[" * 100_000),
}


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED.keys())
def test_what_pellucid_did_not_write_is_refused(content, tmp_path):
    path = tmp_path / "state.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"state\.safetensors is not a file of Pellucid"):
        checkpoint.load(path)


def test_the_control_of_those_refusals_is_read(tmp_path):
    path = tmp_path / "state.safetensors"
    path.write_bytes(GOOD)
    assert checkpoint.load(path) == ({}, {})


def test_pickled_tensors_and_safetensors_of_others_are_refused(tmp_path):
    torch.save({"a": torch.ones(1)}, tmp_path / "pickled.pt")
    save_file({"a": torch.ones(1)}, tmp_path / "others.safetensors")
    for path in tmp_path.iterdir():
        with pytest.raises(InputError, match="never pickled ones"):
            checkpoint.load(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"There is no file .*gone"):
        checkpoint.load(tmp_path / "gone")
