import pytest
import torch

from pellucid._math.halo import halo
from pellucid.data.fill import Donut, Zero
from pellucid.data.measurement import Measurement
from pellucid.data.source import Step
from pellucid.errors import InputError
from pellucid.methods.self2self import Bernoulli
from pellucid.objectives import HeldOut
from pellucid.operators import Identity
from pellucid.restorers import Ensemble
from pellucid.testing import assert_held_out


@pytest.mark.parametrize("shape", [(2, 2, 15, 13), (2, 1, 5, 9, 7)])
@pytest.mark.parametrize("fill", [Zero(), Donut()])
def test_dropped_pixels_never_reach_the_network(fill, shape, rng):
    assert_held_out(Bernoulli(0.7, fill), shape, rng)


def test_each_pixel_is_dropped_with_its_chance_and_none_is_rescaled(rng):
    y = 3 + torch.randn(20, 2, 50, 50, generator=rng)
    given, held = Bernoulli(0.7)(Measurement(y=y, operator=Identity()), rng)
    dropped = held.weight > 0
    error = (0.3 * 0.7 / y.numel()) ** 0.5
    assert float(dropped.float().mean()) == pytest.approx(0.3, abs=4 * error)
    both = (dropped[..., 1:] & dropped[..., :-1]).float().mean()
    assert float(both) == pytest.approx(0.09, abs=8 * error)  # whatever becomes of the neighbour
    assert torch.equal(given.y, torch.where(dropped, 0.0, y))
    assert torch.equal(given.operator(torch.ones_like(y)), (~dropped).float())


def test_masks_of_masks_hide_what_either_hides(rng):
    given, _ = Bernoulli(0.5)(Measurement(y=torch.ones(1, 1, 9, 9), operator=Identity()), rng)
    again, _ = Bernoulli(0.5)(given, rng)
    assert (again.operator(torch.ones(1, 1, 9, 9)) <= given.operator(torch.ones(1, 1, 9, 9))).all()


def test_self_supervised_risk_exceeds_the_true_risk_by_the_noise_variance(trained, scene):
    """Survey eq. 14 over masks, dropout and noise, within 4 standard errors."""
    method = trained("self2self", scene.record(1), 60)
    excess = []
    for seed in range(10, 20):
        batch, rng = scene.record(seed), torch.Generator().manual_seed(100 + seed)
        with torch.no_grad():
            given, held = method.split(batch, rng)
            image = method.model(given, rng)
            risk = HeldOut(method.split).terms(method.model, batch, Step(0, 0.0, rng.manual_seed(100 + seed)))[
                "held_out"
            ]
        squares = (image - batch.y).square() * held.weight
        assert float(risk) == pytest.approx(float(squares.sum() / held.weight.sum()), rel=1e-5)
        excess.append((squares - (image - scene.x).square() * held.weight)[held.weight > 0])
    excess = torch.cat(excess)
    error = float(excess.std()) / excess.numel() ** 0.5
    assert float(excess.mean()) == pytest.approx(0.25, abs=4 * error)


def test_the_image_is_as_bright_as_the_data(trained, scene):
    """The fault of ports that rescale what is kept: an image brighter by 1 / 0.7, at an offset where that shows."""
    given = scene.record(1)
    method = trained("self2self", given.with_y(given.y + 4), 200, dropout=0.01)  # which itself shrinks an offset
    with torch.no_grad():
        image = method.restorer(given.with_y(given.y + 4))
    assert float(image.mean()) == pytest.approx(4.0, rel=0.02)


def test_more_draws_are_nearer_to_the_truth_and_none_is_kept(trained, scene):
    """E|mean of N - x|² = bias² + spread² / N."""
    given = scene.record(1)
    method = trained("self2self", given, 120)
    with torch.no_grad():
        image, spread = method.restorer.estimate(given)
        few = Ensemble(method.model, method.split, 2)(given)
    expected = (1 / 2 - 1 / 32) * float(spread.square().mean())
    assert scene.error(few) - scene.error(image) == pytest.approx(expected, rel=0.3)
    assert scene.error(image) < 0.4 * scene.error(given.y)
    assert torch.equal(method.restorer(given), image.detach())


def test_tiles_know_how_far_it_sees(built, scene):
    given = scene.record(1)
    method = built("self2self", given, depth=1, draws=4)
    with torch.no_grad():
        reach = halo(lambda y: method.restorer(given.with_y(y)), method.restorer.stride(2), like=torch.zeros(1))
        assert reach == (8, 8)
        assert method.restorer(given.with_y(torch.full_like(given.y, torch.nan))).isnan().all()


@pytest.mark.parametrize(("settings", "message"), [({"keep": 1.0}, "between 0 and 1"), ({"draws": 1}, "2 draws")])
def test_what_hides_nothing_or_has_no_spread_is_refused(settings, message, built, scene):
    with pytest.raises(InputError, match=message):
        built("self2self", scene.record(1), **settings)
