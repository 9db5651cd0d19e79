import math

import pytest
import torch

from pellucid import methods
from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.methods.reconstruct.strength import least
from pellucid.operators import Identity, Operator

WITH_STRENGTH = ["cg", "tv", "wavelet", "wiener", "sirt", "mlem", "rl"]


def best(name, data, truth, built):
    """Return the strength among those tried that a reference would choose, and its error."""
    key = "iterations" if name in ("sirt", "mlem", "rl") else "strength"
    tried = built(name, data).restorer.choice.tried
    errors = {s: float((built(name, data, **{key: s}).restorer(data) - truth).square().mean()) for s in tried}
    return min(errors.items(), key=lambda item: item[1])


@pytest.mark.parametrize("name", WITH_STRENGTH)
def test_held_out_measurements_find_nearly_the_strength_of_a_reference(name, blurred, truth, built):
    data = blurred()
    method = built(name, data)
    choice, error = method.restorer.choice, float((method.restorer(data) - truth).square().mean())
    reference, least_error = best(name, data, truth, built)
    assert abs(math.log10(choice.strength / reference)) <= 1.01
    assert (
        error < (3.5 if name == "cg" else 1.5) * least_error
    )  # least squares predicts what blurs more than what sharpens
    assert choice.tried[choice.strength] <= 1.001 * min(choice.tried.values())
    assert float(method.restorer.strength) == choice.strength


@pytest.mark.parametrize("rule", ["sure", "discrepancy"])
@pytest.mark.parametrize("name", ["cg", "tv"])
def test_known_noise_finds_it_too(name, rule, blurred, truth, built):
    data = blurred()
    method = built(name, data, rule=rule)
    _, least_error = best(name, data, truth, built)
    assert float((method.restorer(data) - truth).square().mean()) < 2.5 * least_error


def test_steins_risk_is_the_error_of_what_is_explained(blurred, truth, built):
    data = blurred()
    choice = built("cg", data, rule="sure").restorer.choice
    for strength, risk in choice.tried.items():
        image = built("cg", data, strength=strength).restorer(data)
        error = float((data.operator(image) - data.operator(truth)).square().mean())
        assert risk == pytest.approx(error, rel=0.3, abs=2e-5)


def test_the_discrepancy_leaves_the_noise(blurred, built):
    data = blurred()
    image = built("tv", data, rule="discrepancy").restorer(data)
    left = float((data.y - data.operator(image)).square().mean())
    assert left == pytest.approx(0.02**2, rel=0.3)


@pytest.mark.parametrize("name", WITH_STRENGTH)
def test_neither_the_unit_of_the_data_nor_the_gain_of_the_instrument_matters(name, blurred, built):
    data, other = blurred(), blurred(unit=1e-10, gain=1e6)
    first, second = built(name, data), built(name, other)
    assert second.restorer.choice.strength == pytest.approx(first.restorer.choice.strength)
    assert torch.allclose(second.restorer(other) / 1e-10, first.restorer(data), rtol=1e-3, atol=1e-4)
    tiny = blurred(unit=1e-10)
    single = Measurement(y=tiny.y.float(), operator=tiny.operator)
    assert torch.allclose(built(name, single).restorer(single).double() / 1e-10, first.restorer(data), atol=0.02)


def test_nothing_is_rescaled_for_a_frame(blurred, built):
    """A method that was made for one frame keeps its λ for all of them, however bright they are."""
    data = blurred()
    brighter = data.with_y(2 * data.y)
    made, own = (built("tv", example, strength=0.02).restorer(brighter) for example in (data, brighter))
    half = built("tv", brighter, strength=0.01).restorer(brighter)
    assert torch.allclose(made, half, atol=1e-3)
    assert not torch.allclose(made, own, atol=1e-2)


@pytest.mark.parametrize("name", ["cg", "tv", "wavelet", "adjoint", "fbp", "gd"])
def test_complex_pictures_are_reconstructed(name, spectrum, truth, built):
    x = truth * torch.exp(1j * truth)
    given = {"strength": 1e-3} if name == "cg" else {}
    image = built(name, spectrum, **given).restorer(spectrum)
    zero_filled = spectrum.operator.adjoint(spectrum.y)
    error, before = (float((v - x).abs().square().mean()) for v in (image, zero_filled))
    assert image.dtype == x.dtype
    assert error <= before * {"tv": 0.6, "wavelet": 0.99}.get(name, 1.001)


@pytest.mark.parametrize("name", ["cg", "tv", "wavelet", "sirt", "mlem", "rl", "adjoint", "wiener"])
def test_an_instrument_that_is_not_linear_is_refused(name, built):
    class Square(Operator):
        def forward(self, x):
            return x.square()

        def backproject(self, y):
            return y

    with pytest.raises(InputError, match="needs a linear instrument, but Square is not linear: use --method gd"):
        built(name, Measurement(y=torch.ones(1, 1, 8, 8), operator=Square()))


@pytest.mark.parametrize("name", ["cg", "tv", "wavelet", "wiener"])
@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_data_without_an_image_are_refused(name, value, built):
    with pytest.raises(InputError, match="There is no image to reconstruct"):
        built(name, Measurement(y=torch.full((1, 1, 8, 8), value), operator=Identity()))


@pytest.mark.parametrize("name", ["sirt", "mlem", "rl"])
def test_an_instrument_that_does_not_add_up_is_refused(name, spectrum, built):
    with pytest.raises(InputError, match="weights that are complex or negative: use --method cg or tv"):
        built(name, spectrum)


@pytest.mark.parametrize("rule", ["sure", "discrepancy"])
def test_a_rule_of_the_noise_needs_the_noise(rule, blurred, built):
    data = blurred()
    with pytest.raises(InputError, match=f"The rule {rule} needs to know the noise"):
        built("tv", Measurement(y=data.y, operator=data.operator), rule=rule)


def test_the_search_ends_once_it_gets_worse_and_looks_beside_the_best():
    choice = least(lambda s: (math.log10(s) + 2.1) ** 2, [10.0**-k for k in range(8)], "a rule")
    assert choice.rule == "a rule"
    assert min(choice.tried) == 1e-4
    assert sorted(choice.tried) == pytest.approx([1e-4, 1e-3, 10**-2.5, 1e-2, 10**-1.5, 0.1, 1])
    assert choice.strength == 1e-2


def test_every_setting_of_every_method_is_described():
    for name in methods.names("reconstruct"):
        text = methods.function(name, "reconstruct").__doc__
        for key in methods.settings(name, "reconstruct"):
            assert key in text.split("Returns")[0].split("Parameters")[1], (name, key)
