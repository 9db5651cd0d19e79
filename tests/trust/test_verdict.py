import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage.io import imread

from pellucid import methods
from pellucid.data.measurement import Measurement
from pellucid.data.prepare import Standardisation
from pellucid.noise import diagnose
from pellucid.operators import Identity
from pellucid.trust import LEVELS, Risk, judge

SIDE = 256


@pytest.fixture(scope="module")
def scene():
    """Truth, recording (4 grey levels a photon) and what is known of its noise."""
    rng = np.random.default_rng(3)
    discs = ndimage.gaussian_filter((rng.random((SIDE, SIDE)) < 0.002).astype(float), 3)
    x = 20 + 180 * discs / discs.max()
    y = 4.0 * rng.poisson(x / 4) + rng.normal(0, 2, x.shape)
    seen = diagnose(y)
    return x, y, {"transfer": seen.transfer, "correlation": seen.correlation}


def test_perfect_restoration_is_green(scene):
    x, y, noise = scene
    verdict = judge(y, x, **noise, risk=None)
    assert verdict.level == "green"
    assert verdict.sentence == "Nothing was found against this image: what was removed looks like noise."
    assert len(verdict.reasons) == 7
    assert any("second recording" in text for text in verdict.not_checked)


FAULTS = {
    "smoothed": ("red", "structure was removed", lambda x, y: ndimage.gaussian_filter(x, 6)),
    "shifted": ("red", "moved or invented at edges", lambda x, y: np.roll(x, 4, 0)),
    "unchanged": ("red", "noise is still in it", lambda x, y: y),
    "half restored": ("amber", "noise is still in it", lambda x, y: (x + y) / 2),
    "darker by 5 %": ("amber", "too dark", lambda x, y: 0.95 * x),
    "brighter by 20 %": ("red", "too bright", lambda x, y: 1.2 * x),
    "clipped": ("red", "structure was removed", lambda x, y: np.minimum(x, np.quantile(x, 0.9))),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_are_found_and_named(scene, fault):
    x, y, noise = scene
    level, words, spoil = FAULTS[fault]
    verdict = judge(y, spoil(x, y), **noise, risk=None)
    assert verdict.level == level
    assert words in verdict.sentence


def test_correlated_noise_matters_only_to_methods_that_rely_on_independence(scene):
    x, y, noise = scene
    noise = noise | {"correlation": replace(noise["correlation"], lag1_y=0.6)}
    risk = Risk(mean=9.0, se=0.1, noise_variance=8.0)
    relying = judge(y, x, **noise, risk=risk)
    assert relying.level == "amber"
    assert "not an error estimate" in " ".join(relying.reasons)
    assert not any("times the noise" in reason and "hidden" in reason for reason in relying.reasons)
    other = judge(y, x, **noise, risk=risk, independent=False)
    assert other.level == "green"
    # 1.3 = sqrt(1 + 2 * 0.1 + 5 % of 8), and sqrt(1.6 / 8) of the noise
    assert "off by 1 in the mean, and at most by 1.3, 0.45 times the noise" in " ".join(other.reasons)


@pytest.mark.parametrize(
    ("risk", "level"),
    [
        (Risk(mean=12.0, se=0.1, noise_variance=10.0), "green"),
        (Risk(mean=21.0, se=0.1, noise_variance=10.0), "amber"),
        (Risk(mean=8.0, se=0.1, noise_variance=10.0), "amber"),
        (Risk(mean=8.0, se=1.0, noise_variance=10.0), "green"),
        (Risk(mean=12.0, se=0.1, noise_variance=10.0, second_shot=True), "green"),
        (Risk(mean=17.0, se=0.1, noise_variance=10.0, second_shot=True), "amber"),
        (Risk(mean=21.0, se=0.1, noise_variance=10.0, second_shot=True), "red"),
        (Risk(mean=21.0, se=0.1), "green"),
    ],
)
def test_risk_is_compared_with_the_noise(scene, risk, level):
    x, y, noise = scene
    verdict = judge(y, x, **noise, risk=risk)
    assert verdict.level == level
    assert any("How large the error is" in text for text in verdict.not_checked) == (risk.error is None)


@pytest.mark.real
@pytest.mark.skipif("PELLUCID_DATA" not in os.environ, reason="set PELLUCID_DATA to the folder of real data sets")
def test_real_restoration_is_green_and_its_ruins_are_not(data_root):
    y = imread(data_root / "fluo_fmd" / "raw" / "Confocal_MICE_1.png")[:256, :256].astype(np.float32)
    seen = diagnose(y.astype(float))
    recorded = torch.from_numpy(y)[None, None]
    units = Standardisation.of(recorded, seen.transfer.noise, stabilise=True)
    data = Measurement(y=units(recorded), operator=Identity(), noise=units.noise)
    method = methods.build("total_variation", data, rng=torch.Generator().manual_seed(0))
    x = units.inverse(method.restorer(data))[0, 0].numpy().astype(float)

    def level(image):
        return judge(y, image, transfer=seen.transfer, correlation=seen.correlation, risk=None).level

    assert level(x) == "green"
    assert level(ndimage.gaussian_filter(x, 5)) == "red"
    assert level(np.roll(x, 3, 0)) == "red"
    assert level(0.2 * x + 0.8 * y) == "red"
    assert LEVELS.index(level(0.5 * x + 0.5 * y)) > 0
