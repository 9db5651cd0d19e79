import json

import torch

from pellucid.workflows import doctor as room
from pellucid.workflows.doctor import doctor


def test_every_line_says_what_was_found():
    checks = doctor()
    names = [check.name for check in checks]
    assert len(set(names)) == len(names)
    assert {"Python", "torch", "CUDA device", "memory", "current folder"} <= set(names)
    assert all(check.found and (check.ok or check.advice) for check in checks)
    assert json.dumps([check.as_dict() for check in checks])
    assert torch.__version__ in str(checks[names.index("torch")])


def test_missing_device_is_explained(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", None)
    assert "built for the CPU" in room._cuda().found
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    monkeypatch.setattr(room.shutil, "which", lambda name: None)
    assert "driver" in room._cuda().found


def test_missing_extra_names_the_command(monkeypatch):
    monkeypatch.setattr(room, "EXTRAS", {"no-such-package-here": ("does nothing", "pip install it")})
    (check,) = room._extras()
    assert not check.ok
    assert "pip install it" in str(check)


def test_folder_that_cannot_be_written(monkeypatch):
    monkeypatch.setattr(room.os, "access", lambda path, mode: False)
    check = room._folder()
    assert not check.ok
    assert "-o" in check.advice
