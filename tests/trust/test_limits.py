import numpy as np
import pytest
from scipy import ndimage

from pellucid.noise import diagnose
from pellucid.trust import detectable, examine, judge
from pellucid.trust.limits import LIMITS, Limit, level, unseen

SIDE = 128


@pytest.fixture(scope="module")
def scene():
    rng = np.random.default_rng(3)
    discs = ndimage.gaussian_filter((rng.random((SIDE, SIDE)) < 0.004).astype(float), 3)
    x = 50 + 150 * discs / discs.max()
    y = rng.normal(x, 6)
    seen = diagnose(y)
    return x, y, {"transfer": seen.transfer, "correlation": seen.correlation}


@pytest.fixture(scope="module")
def limits(scene):
    x, y, noise = scene
    return detectable(y, x, **noise)


def test_every_limit_is_a_size_from_which_faults_are_seen(scene, limits):
    assert [limit.fault.split()[0] for limit in limits] == ["spots", "spots", "even", "shifts", "a"]
    assert all(limit.least is not None and 0.1 <= limit.least <= 12 for limit in limits)
    small, large = (limit.least for limit in limits[:2])
    assert large <= small  # a wider spot gathers more light
    x, y, noise = scene
    blur = limits[4].least
    assert judge(y, ndimage.gaussian_filter(x, blur), **noise, risk=None).level != "green"
    assert judge(y, ndimage.gaussian_filter(x, blur / 2), **noise, risk=None).level == "green"


def test_more_noise_hides_more(scene, limits):
    x, _, _ = scene
    y = np.random.default_rng(4).normal(x, 24)
    seen = diagnose(y)
    blurred = detectable(y, x, transfer=seen.transfer, correlation=seen.correlation)[4]
    assert blurred.least > limits[4].least


def test_limits_are_told(scene, limits):
    x, y, noise = scene
    verdict = judge(y, x, **noise, risk=None, limits=limits)
    told = next(text for text in verdict.not_checked if "planted" in text)
    assert all(str(limit) in told for limit in limits)
    assert "One standard deviation of the noise is 5.9" in told
    assert "not even at 12 pixels" in unseen([Limit(fault="shifts", least=None, largest=12.0, unit="pixels")], 1.0)


def test_a_level_is_the_side_of_the_limits(scene):
    x, y, noise = scene
    good, bad = (examine(y, image, **noise) for image in (x, 0.8 * x))
    assert {level(name, good) for name in LIMITS} == {"green"}
    assert level("light", bad) == "red"
