import pytest
import torch
import torch.nn.functional as F

from pellucid.data.source import Step
from pellucid.objectives import Sure
from pellucid.restorers import Regularised


def stein(restorer, batch, seeds=range(20)):
    """Return the mean of Stein's risk over draws of its signs."""
    with torch.no_grad():
        terms = [Sure().terms(restorer, batch, Step(0, 0.0, torch.Generator().manual_seed(s)))["stein"] for s in seeds]
    return float(torch.stack(terms).mean())


def test_the_least_estimate_is_the_least_error(scene):
    """Over strengths of a smoothing filter, without the truth."""
    given = scene.record(1)
    strengths = torch.linspace(0, 1, 11).tolist()

    def blend(given, strength):
        return (1 - strength) * given.y + strength * F.avg_pool2d(given.y, 3, 1, 1, count_include_pad=False)

    filters = [Regularised(blend, s) for s in strengths]
    risks, errors = [stein(f, given) for f in filters], [scene.error(f(given)) for f in filters]
    assert abs(risks.index(min(risks)) - errors.index(min(errors))) <= 1
    assert risks[0] == pytest.approx(2 * 0.25, rel=0.05)  # the identity: no distance, all of the slope
    for risk, error in zip(risks, errors, strict=True):
        assert risk == pytest.approx(error + 0.25, abs=0.02)


def test_what_knows_the_recording_by_heart_deceives_the_estimate(scene):
    """So a trained network is judged on pixels that were never a target. A fresh recording unmasks it at once."""
    given, fresh = scene.record(1), scene.record(2)
    parrot = Regularised(lambda _, strength: given.y, 0.0)
    assert stein(parrot, given) == 0.0
    assert stein(parrot, fresh) == pytest.approx(2 * 0.25, rel=0.05)


def test_the_trained_network_is_no_identity(trained, scene):
    """It takes away as much as there is noise, and sees every pixel: there is no prior of hidden ones."""
    given = scene.record(1)
    method = trained("sure", given, 150)
    assert method.prior is None
    with torch.no_grad():
        image = method.restorer(given)
    assert scene.error(image) < 0.3 * scene.error(given.y)
    assert float((image - given.y).square().mean()) == pytest.approx(0.25, rel=0.2)
