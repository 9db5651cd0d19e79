import gc

import numpy as np
import pytest
import torch

from pellucid.data.image import Image
from pellucid.errors import InputError
from pellucid.restorers.mean_shift import mode
from pellucid.tiling import Cancelled, plan
from pellucid.workflows import sampling
from pellucid.workflows.learn import Job, learn
from pellucid.workflows.model import Model
from pellucid.workflows.options import Options
from pellucid.workflows.sampling import Sampling, posterior

from .conftest import blobs, recorded

SMALL = {"features": 4, "code": 2, "patch": 32, "batch": 2, "draws": 2}


@pytest.fixture(scope="module")
def image():
    """Return two planes of a size that is no multiple of the stride."""
    return Image(data=np.stack([recorded(blobs(102), seed)[:, :75] for seed in (1, 2)]), axes="TYX")


@pytest.fixture(scope="module")
def model(image):
    options = Options(method="divnoising", steps=4, settings=SMALL, device="cpu")
    return Model(dims=2, channels=learn([image], [], 2, Job(options=options, deadline=None))[0])


def drawn(model, image, draws=3, **given):
    """Return draws, mean, spread and mode."""
    out = {"draws": np.zeros((draws, *image.shape)), "spread": np.zeros(image.shape), "map": np.zeros(image.shape)}
    mean = np.zeros(image.shape)
    made = Sampling(model=model, device=torch.device("cpu"), draws=draws, seed=0, writers=out, **given)
    made.run(image, None, mean, np.dtype(np.float32))
    return out["draws"], mean, out["spread"], out["map"]


def test_tiles_draw_what_the_whole_image_draws(model, image, monkeypatch):
    whole = drawn(model, image)
    cuts = []

    def tiled(space, stride, halo, device):
        cuts.append(plan(space, stride, halo, device, (40, 36)))
        return cuts[-1]

    monkeypatch.setattr(sampling, "plan", tiled)
    for found, wanted in zip(drawn(model, image), whole, strict=True):
        np.testing.assert_allclose(found, wanted, atol=2e-3)
    assert cuts[0].halo is not None
    assert len(cuts[0].regions()) == 9


def test_mean_and_spread_are_those_of_the_draws_and_no_two_draws_are_alike(model, image):
    draws, mean, spread, likeliest = drawn(model, image)
    np.testing.assert_allclose(mean, draws.mean(0), rtol=1e-5)
    np.testing.assert_allclose(spread, draws.std(0, ddof=1), rtol=1e-2, atol=1e-3)
    off = (draws - mean).reshape(3, 2, -1)
    assert abs(np.corrcoef(off[0, 0], off[0, 1])[0, 1]) < 0.3
    assert np.corrcoef(off[:, 0])[0, 1] < 0
    units = model.channels[0].standardisation
    inner = torch.from_numpy(draws[:, :1]).float()
    wanted = units.inverse(mode(units(inner)))
    assert abs(likeliest[0] - wanted[0].numpy()).mean() < 0.2 * spread.mean()


def test_more_draws_begin_with_the_fewer(model, image):
    np.testing.assert_array_equal(drawn(model, image, 4)[0][:2], drawn(model, image, 2)[0])


def test_no_draw_is_kept_once_it_is_written(model, image):
    given = torch.from_numpy(np.stack([image.data[0], *np.mgrid[:102, :75]]).astype(np.float32))[None, ..., :72]
    alive = []

    def keep(number, draw):
        alive.append(sum(type(one) is torch.Tensor and one.shape == draw.shape for one in gc.get_objects()))

    with torch.no_grad():
        posterior(model.channels[0].restorer, given[..., :100, :], seed=0, draws=6, keep=keep)
    assert alive[2] == alive[5]


def test_drawing_stops_within_a_tile(model, image):
    asked = []

    def stop():
        asked.append(True)
        return len(asked) > 5

    with pytest.raises(Cancelled):
        drawn(model, image, 50, cancel=stop)
    assert len(asked) == 6


def test_volumes_are_drawn_from(image):
    volume = Image(data=np.concatenate([image.data] * 2)[:, :32, :32], axes="ZYX")
    options = Options(method="divnoising", steps=1, settings=SMALL, device="cpu")
    model = Model(dims=3, channels=learn([volume], [], 3, Job(options=options, deadline=None))[0])
    draws, mean, _, _ = drawn(model, volume, 2)
    np.testing.assert_allclose(mean, draws.mean(0), rtol=1e-5)
    assert np.isfinite(draws).all()


def test_a_model_without_a_posterior_is_refused(image):
    options = Options(method="noise2void", steps=1, settings={"features": 4, "patch": 32, "batch": 2}, device="cpu")
    other = Model(dims=2, channels=learn([image], [], 2, Job(options=options, deadline=None))[0])
    with pytest.raises(InputError, match="noise2void has no posterior to draw from; these methods have: divnoising"):
        Sampling(model=other, device=torch.device("cpu"), draws=2, seed=0)
