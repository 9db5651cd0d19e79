import pytest
import torch

from pellucid import methods
from pellucid.data.cells import diagonals
from pellucid.data.source import Step
from pellucid.methods.zs_n2n import Diagonals
from pellucid.restorers import Enhancer


def step(seed=0):
    return Step(0, 0.0, torch.Generator().manual_seed(seed))


def mild(data, built, noise=0.05):
    """Return a small network with weights that do something."""
    model = built("zs_n2n", data, features=6).model
    with torch.no_grad():
        for i, p in enumerate(model.parameters()):
            p.add_(noise * torch.randn(p.shape, generator=torch.Generator().manual_seed(i)))
    return model


def test_the_residual_loss_exceeds_the_supervised_one_by_the_noise_variance_of_a_half(scene, built, rng):
    """Where D₁x = D₂x, E‖F(D₁y) − D₂y‖² = E‖F(D₁y) − D₂x‖² + s²/2: Noise2Noise on one image."""
    x = scene.x.repeat_interleave(2, -1).repeat_interleave(2, -2)  # cells of one value
    given = scene.record(1).with_y(scene.noise.sample(x, rng))
    model = mild(given, built)
    with torch.no_grad():
        risk = float(Diagonals().terms(model, given, step())["residual"])
        halves, truths = diagonals(given.y), diagonals(x)
        error = torch.stack([model(given.with_y(half)) - x for half, x in zip(halves, truths.flip(0), strict=True)])
    tolerance = 5 * 0.5 * float((2 * error.square() + 0.25).mean()) ** 0.5 / error.numel() ** 0.5
    assert risk - float(error.square().mean()) == pytest.approx(0.125, abs=tolerance)


def test_the_terms_are_those_of_the_paper(scene, built):
    """Equations 6 to 8, written out."""
    given = scene.record(1)
    model = mild(given, built, 0.2)

    def network(y):  # f, which predicts the noise
        return y - model(given.with_y(y))

    def distance(a, b):
        return (a - b).square().mean()

    found = Diagonals().terms(model, given, step())
    one, two = diagonals(given.y)
    residual = distance(one - network(one), two) + distance(two - network(two), one)
    d1, d2 = diagonals(given.y - network(given.y))
    consistency = distance(one - network(one), d1) + distance(two - network(two), d2)
    torch.testing.assert_close(found["residual"], residual / 2)
    torch.testing.assert_close(found["consistency"], consistency / 2)


def test_a_cell_without_weight_on_all_of_its_pixels_is_no_target(scene, built, rng):
    given = scene.record(1)
    weight = torch.rand(given.y.shape, generator=rng) > 0.1
    identity = Enhancer(torch.nn.Identity())
    y = given.y.clone().requires_grad_()
    total = sum(Diagonals().terms(identity, type(given)(y=y, operator=given.operator, weight=weight), step()).values())
    (slope,) = torch.autograd.grad(total, y)
    assert not slope[~weight].any()
    one, two = diagonals(given.y)
    kept = weight.unfold(-1, 2, 2).unfold(-3, 2, 2).all(-1).all(-1)
    torch.testing.assert_close(total.detach(), (one - two).square()[kept].mean())


@pytest.mark.parametrize(("channels", "expected"), [(1, 21_313), (3, 22_275)])
def test_the_network_has_the_size_of_the_paper_and_starts_as_the_identity(channels, expected, scene):
    data = scene.record(1).with_y(scene.record(1).y.expand(-1, channels, -1, -1))
    method = methods.build("zs_n2n", data, rng=torch.Generator().manual_seed(0))
    assert sum(p.numel() for p in method.model.parameters()) == expected
    assert torch.equal(method.restorer(data), data.y)


def test_planes_of_a_stack_are_restored_one_by_one(volume, trained):
    given = volume.record(1)
    method = trained("zs_n2n", given, 20)
    with torch.no_grad():
        alone = method.restorer(given.with_y(given.y[:, :, 3:4]))
        torch.testing.assert_close(method.restorer(given)[:, :, 3:4], alone)


def test_odd_sizes_are_restored(scene, trained):
    given = scene.record(1)
    odd = given.with_y(given.y[..., :33, :47])
    method = trained("zs_n2n", odd, 5, patch=40)
    assert method.stages[0].patch == [32, 40]
    assert method.restorer(odd).shape == odd.y.shape
