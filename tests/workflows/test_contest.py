import time

import pytest
import torch

from pellucid.errors import InputError
from pellucid.methods import Method, names
from pellucid.restorers import Regularised
from pellucid.workflows.contest import AUTO, answer, build, classical, contend, learned_for, resolved, usual
from pellucid.workflows.learn import Job
from pellucid.workflows.options import Options
from pellucid.workflows.scan import modalities
from pellucid.workflows.scan_score import reserve

from .scans import recorded, toy


@pytest.fixture
def scan(tmp_path):
    return toy(recorded(tmp_path / "k.npy", slices=2)).measurement


def job(**given):
    return Job(options=Options(seconds=9.0), **{"deadline": None} | given)


def test_what_auto_compares_exists():
    assert set(AUTO) <= set(modalities())
    assert all(name in names("reconstruct") for field in AUTO.values() for name in field.classical)
    assert usual("ct", "fbp", auto=False) == ("fbp",)
    assert usual("ct", "fbp", auto=True)[0] == "fbp"
    assert usual("fpm", "epry", auto=True) == ("epry",)
    assert learned_for("fpm", many=False) is None
    assert learned_for("deconvolution", many=True) == "ssdu"


def test_the_size_of_a_network_is_settled_by_the_device():
    assert resolved("ssdu", {}, torch.device("cpu"))["preset"] == "lite"
    assert resolved("ssdu", {"preset": "auto"}, torch.device("cuda"))["preset"] == "paper"
    assert resolved("ssdu", {"preset": "paper"}, torch.device("cpu"))["preset"] == "paper"


def test_a_network_restores_entry_by_entry_and_alike(scan):
    method = build("ssdu", scan, {"preset": "lite"}, 0)
    whole = method.restorer(scan).detach()
    found = answer(scan, method)
    assert torch.allclose(found.image, whole, atol=1e-5 * float(whole.abs().max()))
    assert torch.equal(found.residual, scan.y - scan.operator(found.image))


def test_all_are_tried_while_there_is_time(scan):
    parts = reserve(scan, "toy")
    found, notes = classical(("cg", "adjoint"), parts, job())
    assert list(found) == ["cg", "adjoint"]
    assert found["cg"].score.error < found["adjoint"].score.error
    assert notes == ()
    found, notes = classical(("adjoint", "cg"), parts, job(deadline=time.monotonic() + 1))
    assert list(found) == ["adjoint"]
    assert notes == ("There was no time to try cg.",)


def test_one_that_does_not_suit_is_told(scan):
    found, notes = classical(("rl", "adjoint"), reserve(scan, "toy"), job())
    assert list(found) == ["adjoint"]
    assert notes[0].startswith("rl was not compared: ")


def test_a_contest_can_be_stopped(scan):
    with pytest.raises(KeyboardInterrupt):
        classical(("adjoint",), reserve(scan, "toy"), job(cancel=lambda: True))


def test_an_image_of_no_numbers_is_refused(scan):
    nothing = Regularised(lambda given, strength: given.operator.backproject(given.y) * float("nan"), 1.0)
    method = build("adjoint", scan, {}, 0)
    broken = Method(model=nothing, restorer=nothing, card=method.card)
    with pytest.raises(InputError, match="toy found no finite image"):
        contend("toy", broken, reserve(scan, "toy"), 0.0)
