import pytest
import torch
from torch import nn

from pellucid._math import seeds
from pellucid.data.measurement import Listed, Measurement
from pellucid.data.sampling import RandomSampling
from pellucid.data.simulate.coils import birdcage_coils
from pellucid.data.simulate.sampling import regular_lines
from pellucid.data.source import Step
from pellucid.errors import InputError
from pellucid.networks import ResNet
from pellucid.objectives import HeldOut, normalised_l1_l2
from pellucid.operators import Blur, CoilMaps, Identity, NonUniformFourier, Radon, Sampling
from pellucid.operators.mri import Sense
from pellucid.operators.sms import SimultaneousMultiSlice, caipi_phases
from pellucid.operators.tilt import Tilt
from pellucid.restorers import Unrolled

SPLITTINGS = ["quadratic", "admm", "gradient"]


def network(rng, channels=2):
    return ResNet(channels, features=4, blocks=1).initialise(rng)


def kspace(rng, mask=None, size=24):
    x = 1 + 0.2 * torch.randn(2, 1, size, size, dtype=torch.complex64, generator=rng)
    operator = Sense(birdcage_coils(4, (size, size)), mask)
    return x, Measurement(y=operator(x), operator=operator)


@pytest.mark.parametrize("splitting", SPLITTINGS)
def test_with_the_identity_all_samples_and_no_noise_the_image_is_exact(splitting, rng):
    x, given = kspace(rng)
    found = Unrolled(nn.Identity(), unrolls=5, splitting=splitting)(given)
    torch.testing.assert_close(found, x, atol=1e-5, rtol=1e-5)


class Shrink(nn.Module):
    """The proximal map of λ/2 ‖x‖² with the step τ."""

    def __init__(self, strength, step):
        super().__init__()
        self.factor = 1 / (1 + strength * step)

    def forward(self, x):
        return self.factor * x


def test_with_a_known_prior_each_splitting_ends_where_its_theory_says(rng):
    """y = x, R = prox of λ/2 ‖x‖²: ADMM reaches y / (1 + λ), the penalty method an effective λ µ / (λ + µ)."""
    y, strength, mu = torch.randn(1, 1, 6, 6, generator=rng), 0.5, 0.25
    ridge = y / (1 + strength)
    step = 1 / (1 + mu)  # after the last proximal step there is one more towards the data
    ends = {
        "quadratic": (1 / mu, y / (1 + strength * mu / (strength + mu))),
        "admm": (1 / mu, ridge),
        "gradient": (step, ridge * (1 + strength * step)),
    }
    for splitting, (tau, expected) in ends.items():
        model = Unrolled(Shrink(strength, tau), unrolls=60, penalty=mu, splitting=splitting)
        torch.testing.assert_close(model(Measurement(y=y, operator=Identity())), expected, rtol=1e-4, atol=1e-5)


def test_a_scale_of_the_data_is_a_scale_of_the_image(rng):
    _, given = kspace(rng, regular_lines((24, 24), 2, 6))
    model = Unrolled(network(rng), unrolls=2)
    scale = torch.tensor([1e-6, 50.0]).view(2, 1, 1, 1)
    torch.testing.assert_close(model(given.with_y(scale * given.y)), scale * model(given), rtol=1e-4, atol=1e-8)


def test_samples_of_a_batch_are_alone(rng):
    _, given = kspace(rng, regular_lines((24, 24), 2, 6))
    model = Unrolled(network(rng), unrolls=2)
    one = Measurement(y=given.y[1:], operator=given.operator[1:])
    torch.testing.assert_close(model(given)[1:], model(one))


@pytest.mark.parametrize("density", ["uniform", "gaussian"])
def test_hidden_samples_do_not_reach_the_image(density, rng):
    _, batch = kspace(rng, regular_lines((24, 24), 2, 6))
    split = RandomSampling(0.4, density=density, centre=4)
    _, held = split(batch, torch.Generator().manual_seed(3))
    hidden = held.weight > 0
    other = batch.with_y(torch.where(hidden, 1e-2 * torch.randn_like(batch.y), batch.y))
    model = Unrolled(network(rng), unrolls=2)
    first, second = (model(split(b, torch.Generator().manual_seed(3))[0]) for b in (batch, other))
    assert torch.equal(first, second)


def test_the_unit_of_the_image_is_that_of_the_given_samples(rng):
    """However large what is hidden: nothing of it is left, not even its scale."""
    _, batch = kspace(rng)
    split, model = RandomSampling(0.4, masks=1), Unrolled(network(rng), unrolls=2)
    given, held = split(batch, rng)
    other = batch.with_y(torch.where(held.weight > 0, 1e6 * batch.y, batch.y))
    assert torch.equal(model(split(other, rng)[0]), model(given))


def test_the_channels_of_a_real_image_are_seen_one_by_one(rng):
    y = torch.randn(2, 3, 8, 8, generator=rng)
    model = Unrolled(network(rng, 1), unrolls=1)
    whole = model(Measurement(y=y, operator=Identity()))
    assert whole.shape == y.shape
    other = y.clone()
    other[:, 1] *= 0.5
    kept = model(Measurement(y=other, operator=Identity()))
    torch.testing.assert_close(kept[:, [0, 2]], whole[:, [0, 2]], rtol=1e-3, atol=1e-3)


def test_every_parameter_is_trained(rng):
    _, given = kspace(rng, regular_lines((24, 24), 2, 6))
    model = Unrolled([network(rng), network(rng)], unrolls=2)
    model(given).abs().square().sum().backward()
    assert all(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in model.parameters())


@pytest.mark.parametrize("splitting", SPLITTINGS)
def test_checkpoints_change_no_bit_and_keep_less(splitting, rng):
    _, given = kspace(rng, regular_lines((24, 24), 2, 6))
    shared, found = network(rng), []
    for checkpointing in (False, True):
        model = Unrolled(shared, unrolls=4, splitting=splitting, checkpointing=checkpointing)
        image = model(given)
        gradients = torch.autograd.grad(image.abs().square().sum(), list(model.parameters()))
        found.append((image, *gradients, model.memory(given)))
    (*plain, kept), (*again, less) = found
    assert all(torch.equal(a, b) for a, b in zip(plain, again, strict=True))
    assert less.needed < 0.5 * kept.needed == 0.5 * less.whole
    assert "run twice" in str(less)
    assert "twice" not in str(kept)


def allocated(compute):
    """Return a result and the bytes that are allocated for it and not given back, as PyTorch counts them."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        result = compute()
    return result, sum(event.self_cpu_memory_usage for event in profile.events())


@pytest.mark.parametrize("implicit", [True, False])
def test_the_estimate_of_memory_is_true_within_a_quarter(implicit, rng):
    _, given = kspace(rng, regular_lines((48, 48), 2, 6), size=48)
    shared = ResNet(2, features=8, blocks=3, tied=True).initialise(rng)
    model = Unrolled(shared, unrolls=6, implicit=implicit, checkpointing=False)
    memory, left = allocated(lambda: model.memory(given))
    image, kept = allocated(lambda: model(given))
    assert image.requires_grad
    assert memory.needed == pytest.approx(kept, rel=0.25)
    assert left < 0.1 * memory.network


def test_networks_are_checkpointed_where_all_would_be_half_of_what_is_free(rng, monkeypatch):
    _, given = kspace(rng)
    need = Unrolled(network(rng), unrolls=3).memory(given).whole
    for free, expected in ((2 * need + 2, False), (2 * need - 2, True)):
        monkeypatch.setattr("pellucid.restorers.unrolled._free", lambda device, free=free: free)
        assert Unrolled(network(rng), unrolls=3).memory(given).checkpointed is expected


def test_the_implicit_gradient_is_that_of_iterations_that_converged(rng):
    _, given = kspace(rng, regular_lines((24, 24), 2, 6))
    given = Measurement(y=given.y.to(torch.complex128), operator=given.operator.double())
    shared, gradients = network(rng).double(), []
    for implicit in (True, False):
        model = Unrolled(shared, unrolls=2, iterations=60, penalty=0.1, implicit=implicit).double()
        gradients.append(torch.autograd.grad(model(given).abs().square().sum(), list(model.parameters())))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("checkpointing", [True, False])
def test_autocast_reaches_the_network_alone(checkpointing, rng):
    x = torch.rand(1, 1, 16, 16, generator=rng)
    given = Measurement(y=x, operator=Blur(torch.full((1, 1, 3, 3), 1 / 9)))
    model = Unrolled(nn.Identity(), unrolls=3)
    expected = model(given)
    learned = Unrolled(network(rng, 1), unrolls=3, checkpointing=checkpointing)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(model(given), expected)
        image = learned(given)
    image.square().sum().backward()
    assert image.dtype == torch.float32
    assert all(bool(p.grad.isfinite().all()) for p in learned.parameters())


def test_a_sample_in_which_nothing_was_measured_stays_empty(rng):
    _, given = kspace(rng)
    given.y[0] = 0
    model = Unrolled(network(rng), unrolls=2)
    image = model(given)
    image.real.sum().backward()
    assert not image[0].any()
    assert all(bool(p.grad.isfinite().all()) for p in model.parameters())


COMPLEX = {"dtype": torch.complex64}
INSTRUMENTS = {
    "sense": lambda: (Sense(birdcage_coils(4, (16, 16)), regular_lines((16, 16), 2, 6)), (1, 16, 16), COMPLEX),
    "multislice": lambda: (
        SimultaneousMultiSlice(
            birdcage_coils(4, (2, 16, 16), rings=2).transpose(1, 2), phases=caipi_phases(torch.tensor([0.0, 0.5]), 16)
        ),
        (2, 16, 16),
        COMPLEX,
    ),
    "radial": lambda: (
        NonUniformFourier(6 * torch.rand(1, 2, 200, generator=torch.Generator().manual_seed(1)) - 3, space=(16, 16))
        @ CoilMaps(birdcage_coils(4, (16, 16))),
        (1, 16, 16),
        COMPLEX,
    ),
    "radon": lambda: (Radon(torch.linspace(0, 3, 12)[None], space=(16, 16)), (1, 16, 16), {}),
    "tilt": lambda: (Tilt(torch.linspace(-1, 1, 9)[None], space=(6, 8, 8)), (1, 6, 8, 8), {}),
    "blur": lambda: (Blur(torch.full((1, 1, 3, 3), 1 / 9), "valid"), (1, 16, 16), {}),
    "holes": lambda: (Sampling(torch.arange(256).view(1, 1, 16, 16) % 3 > 0), (1, 16, 16), {}),
}


@pytest.mark.parametrize("splitting", SPLITTINGS)
@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_it_trains_on_every_instrument(instrument, splitting, rng):
    operator, shape, kind = INSTRUMENTS[instrument]()
    y = operator(1 + 0.1 * torch.randn(2, *shape, generator=rng, **kind))
    batch = Listed(y=y, operator=operator, numbers=(0, 1))
    inner = ResNet(1 + y.is_complex(), dims=len(shape) - 1, features=4, blocks=1).initialise(rng)
    model = Unrolled(inner, unrolls=2, iterations=4, splitting=splitting)
    objective = HeldOut(RandomSampling(0.3), normalised_l1_l2)
    adam = torch.optim.Adam(model.parameters(), lr=3e-3)
    for index in range(2):
        loss = objective.terms(model, batch, Step(index, 0.0, seeds.generator("cpu", index)))["held_out"]
        adam.zero_grad()
        loss.backward()
        assert all(bool(p.grad.isfinite().all()) and bool(p.grad.any()) for p in model.parameters())
        adam.step()
    assert bool(loss.isfinite())
    assert bool(torch.isfinite(torch.view_as_real(model(batch) + 0j)).all())


@pytest.mark.parametrize("wrong", [{"unrolls": 0}, {"iterations": 0}, {"penalty": 0.0}, {"unrolls": 3}])
def test_what_cannot_be_unrolled_is_refused(wrong, rng):
    with pytest.raises(InputError, match="one proximal network or one for each"):
        Unrolled([network(rng), network(rng)], **{"unrolls": 2} | wrong)
