import pytest

from pellucid.restorers import NonLocalMeans


@pytest.mark.parametrize("name", ["pnp", "red"])
def test_without_a_model_non_local_means_beat_least_squares_at_its_best(name, blurred, truth, built):
    data = blurred(unit=1e4, gain=1e-3)

    def error(method):
        return float((method.restorer(data) / 1e4 - truth).square().mean())

    squares = min(error(built("cg", data, strength=s)) for s in (0.01, 0.02, 0.05, 0.1, 0.2))
    assert error(built(name, data, iterations=15)) < squares


@pytest.mark.parametrize("name", ["pnp", "red"])
def test_a_denoiser_that_is_given_is_used(name, blurred, truth, built):
    data = blurred()
    weak, strong = (built(name, data, denoiser=NonLocalMeans(s), strength=0.1, iterations=10) for s in (1e-6, 0.2))
    rough, flat = (float(m.restorer(data).diff(dim=-1).abs().mean()) for m in (weak, strong))
    assert flat < 0.7 * rough
