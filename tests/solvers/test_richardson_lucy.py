import torch

from pellucid.solvers import mlem, richardson_lucy
from pellucid.solvers.differences import gradient


def blur(x):
    """Return the circular mean over three by three pixels: its own adjoint."""
    return sum(x.roll((i, j), (-2, -1)) for i in (-1, 0, 1) for j in (-1, 0, 1)) / 9


def scene(rng):
    truth = torch.full((2, 1, 24, 24), 10.0, dtype=torch.float64)
    truth[0, :, 6:18, 6:18], truth[1, :, 4:10] = 100.0, 60.0
    return truth, torch.poisson(blur(truth), generator=rng)


def test_without_prior_it_is_mlem(rng):
    _, y = scene(rng)
    start = torch.full_like(y, float(y.mean()))
    a = richardson_lucy(blur, blur, y, start, iterations=20)
    assert torch.equal(a, mlem(blur, blur, y, start, iterations=20))


def test_one_step_is_the_formula_of_the_paper(rng):
    _, y = scene(rng)
    x = y + 1
    dx, dy = gradient(x)[:, 1], gradient(x)[:, 0]
    size = (dx**2 + dy**2 + (1e-3 * x.mean((1, 2, 3), keepdim=True)) ** 2).sqrt()
    ux, uy = dx / size, dy / size
    div = ux - ux.roll(1, -1) * (torch.arange(24) > 0) + uy - uy.roll(1, -2) * (torch.arange(24) > 0)[:, None]
    expected = x / (1 - 0.02 * div) * blur(y / blur(x))
    assert torch.allclose(richardson_lucy(blur, blur, y, x, strength=0.02, iterations=1), expected)


def test_total_variation_tames_the_noise_at_any_scale(rng):
    truth, y = scene(rng)

    def image(strength, unit=1.0, iterations=200):
        start = torch.full_like(y, float(y.mean())) * unit
        return richardson_lucy(blur, blur, y * unit, start, strength=strength, iterations=iterations) / unit

    errors = [float((image(strength) - truth).square().mean()) for strength in (0.0, 0.05)]
    assert errors[1] < 0.5 * errors[0]
    assert torch.allclose(image(0.05, 1e-10, 10), image(0.05, 1.0, 10))
