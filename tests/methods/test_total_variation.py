import numpy as np
import torch
from scipy import ndimage

from pellucid.data.measurement import Measurement
from pellucid.methods import build
from pellucid.noise import Gaussian
from pellucid.operators import Identity


def test_flat_parts_become_flat_and_edges_stay(built, scene):
    rows = torch.arange(48)
    step = type(scene)(2.0 * (rows < 24).float().expand(1, 1, 48, 48) - 1, scene.noise)
    method, given = built("total_variation", step.record(1)), step.record(1)
    image = method.model(given)
    assert step.error(image) < 0.1 * step.error(given.y)
    assert float((image[..., 23] - image[..., 24]).mean()) > 1.5
    slopes = image.diff(dim=-1).abs()
    assert float(slopes[..., 26:44].mean()) < 0.1 * float(given.y.diff(dim=-1).abs()[..., 26:44].mean())


def test_more_iterations_change_little(built, scene):
    fifty, many = (built("total_variation", scene.record(1), iterations=n).restorer for n in (50, 1000))
    given = scene.record(1)
    given = given.with_y(given.y[:1])
    assert float((fifty(given) - many(given)).square().mean().sqrt()) < 0.1 * 0.5


def test_the_discrepancy_removes_nearly_the_noise_and_mends_correlated_noise(numpy_rng):
    row, column = np.mgrid[:128, :128]
    truth = 2.0 * (np.hypot(row - 64, column - 64) < 30) + np.sin(column / 20)
    noise = ndimage.gaussian_filter(numpy_rng.normal(size=truth.shape), 1.0)
    noise *= 0.5 / noise.std()
    y, x = (torch.from_numpy(a.astype(np.float32))[None, None] for a in (truth + noise, truth))
    given = Measurement(y=y, operator=Identity(), noise=Gaussian(0.5))
    errors = {}
    for calibration in ("j_invariant", "discrepancy"):
        method = build("total_variation", given, rng=torch.Generator().manual_seed(0), calibration=calibration)
        image = method.restorer(given)
        errors[calibration] = float((image - x).square().mean())
        if calibration == "discrepancy":
            assert 0.6 * 0.25 < float((image - y).square().mean()) <= 0.9 * 0.25
    assert errors["discrepancy"] < 0.5 * errors["j_invariant"]
