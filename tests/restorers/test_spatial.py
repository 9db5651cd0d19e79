"""Poses: which way an object turns and moves, what the codes tell, and what the turns of the encoder do."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

from pellucid._math.rotations import from_euler
from pellucid.data.measurement import Measurement
from pellucid.data.simulate.proteins import Protein
from pellucid.data.source import Step
from pellucid.errors import InputError
from pellucid.noise import Gaussian
from pellucid.objectives.evidence import Evidence
from pellucid.operators import Identity, Sampling
from pellucid.restorers.spatial import PoseCode, Spatial

ODD, EVEN = (15, 15), (16, 16)


class Blobs(nn.Module):
    """Two unequal blobs, the second as bright as the code says."""

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(1.0))

    def forward(self, r, z):
        first = torch.exp(-((r - r.new_tensor([0.1, 0.5])) ** 2).sum(-1) / 0.05)
        second = torch.exp(-((r - r.new_tensor([-0.4, 0.0])) ** 2).sum(-1) / 0.1)
        return self.gain * (first + (0.5 + 0.2 * z[:, :1]) * second)[..., None]


class Told(nn.Module):
    """An encoder that always says the same."""

    def __init__(self, *moved):
        super().__init__()
        self.register_buffer("moved", torch.tensor(moved))

    def forward(self, x):
        return self.moved.expand(len(x), -1)


def model(space=ODD, turns=1, encoder=None, angle=math.inf):
    encoder = encoder or Told(*[0.0] * 4, *[-3.0] * 4)
    return Spatial(encoder, Blobs(), prior=PoseCode(angle=angle, shift=1.5, latent=1, turns=turns), space=space)


def rendered(made, angle=0.0, shift=(0.0, 0.0), latent=0.0):
    return made.render(torch.tensor([angle]), torch.tensor([shift]), torch.tensor([[latent]]))


def test_a_quarter_turn_is_rot90():
    made = model(ODD)
    turned = rendered(made, math.pi / 2)
    torch.testing.assert_close(turned, rendered(made).rot90(1, (-2, -1)), rtol=1e-5, atol=1e-5)
    even = model(EVEN)  # its centre is the pixel 8, which lies one row above that of rot90
    torch.testing.assert_close(
        rendered(even, math.pi / 2)[..., 1:, :], rendered(even).rot90(1, (-2, -1))[..., :-1, :], rtol=1e-5, atol=1e-5
    )


def test_a_shift_moves_the_object_down_and_to_the_right_after_its_turn():
    made = model(EVEN)
    moved = rendered(made, 0.7, (2.0, -1.0))
    torch.testing.assert_close(moved[..., 2:, :-1], rendered(made, 0.7)[..., :-2, 1:], rtol=1e-5, atol=1e-5)


def test_poses_are_those_of_relion():
    """A blob is where the projection shows it that has RELION's Euler angles, by this package's reading of them."""
    blob = Protein(torch.tensor([[0.0, 1.0, 4.0]]), torch.ones(1), torch.tensor([2 * math.pi]))
    shift = torch.tensor([[2.0, -1.0]])
    seen = blob.projections(16, from_euler(torch.tensor([[[0.0, 0.0, 0.6]]])), shift[None])[:, :, 0]
    made = Spatial(Told(0.0), _Blob(), prior=PoseCode(angle=1.0, shift=1.0, latent=1), space=EVEN)
    torch.testing.assert_close(made.render(torch.tensor([0.6]), shift, torch.zeros(1, 1)), seen)


class _Blob(nn.Module):
    def forward(self, r, z):
        return torch.exp(-0.5 * (8 * r - r.new_tensor([1.0, 4.0])).square().sum(-1, keepdim=True))


def test_what_the_codes_tell_is_the_divergence_from_their_priors(rng):
    mean, log_scale = torch.tensor([0.3, -0.5, 0.1, 1.2]), torch.tensor([-1.0, -0.3, 0.2, -2.0])
    made = model(encoder=Told(*mean.tolist(), *log_scale.tolist()))
    given = Measurement(y=torch.zeros(2, 1, *ODD), operator=Identity(), noise=Gaussian(1.0))
    nats = torch.cat(made.drawn(given, rng)[1][:3], 1)
    sigma = made.deviations
    wanted = kl_divergence(Normal(mean * sigma, log_scale.exp() * sigma), Normal(torch.zeros(4), sigma))
    torch.testing.assert_close(nats, wanted.expand(2, -1))


class Surer(nn.Module):
    """An encoder that is the surer, the brighter the upper half of what it sees."""

    def forward(self, x):
        log_scale = -3 - 5 * x[:, :, : x.shape[2] // 2].mean((1, 2, 3))
        return torch.cat([torch.zeros(len(x), 4), log_scale[:, None].expand(-1, 4)], 1)


def test_the_turn_is_drawn_from_its_exact_posterior(rng):
    """By the likelihood, by what the codes tell under each turn, and by how likely the turn was before."""
    made = model(turns=4, encoder=Surer(), angle=1.5).requires_grad_(False)
    clean = 0.4 * rendered(made, math.pi / 2) + 0.6 * rendered(made)
    given = Measurement(y=clean.expand(4000, -1, -1, -1), operator=Identity(), noise=Gaussian(1.2))
    turn, told = made._drawn_turn(given, rng)
    poses = torch.cat([rendered(made, k * math.pi / 2) for k in range(4)])
    upright = torch.cat([clean.rot90(-k, (-2, -1)) for k in range(4)]) * made.disc
    codes = Normal(torch.zeros(4, 4), made.encoder(upright)[:, 4:].exp())
    parts = (
        given.noise.log_prob(given.y[:1], poses).flatten(1).sum(1),
        -kl_divergence(codes, Normal(0.0, 1.0)).sum(1),
        made.prior.log_chances,
    )
    chance = sum(parts).softmax(0)
    assert all(float(((sum(parts) - part).softmax(0) - chance).abs().max()) > 0.06 for part in parts)
    torch.testing.assert_close(torch.bincount(turn, minlength=4) / 4000, chance, rtol=0, atol=0.03)
    wanted = (chance * (chance.log() - made.prior.log_chances)).sum()
    torch.testing.assert_close(told[0], wanted, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(made.drawn(given, rng)[1][-1], told)


def test_a_drawn_turn_has_the_gradient_of_the_evidence_of_all_turns(rng):
    made = model(turns=4, encoder=Told(*[0.0] * 4, *[-6.0] * 4))
    clean = 0.4 * rendered(made, math.pi / 2) + 0.6 * rendered(made)
    given = Measurement(y=clean.detach().expand(4000, -1, -1, -1), operator=Identity(), noise=Gaussian(1.2))
    terms = Evidence(0.0).terms(made, given, Step(0, 1.0, rng))
    (drawn,) = torch.autograd.grad(sum(terms.values()), made.decoder.gain)
    whole = -made._bounds(given.with_y(given.y[:1])).logsumexp(1).sum() / given.y[0].numel()
    (wanted,) = torch.autograd.grad(whole, made.decoder.gain)
    torch.testing.assert_close(drawn, wanted, rtol=0.05, atol=0)


def test_each_particle_is_seen_through_its_own_instrument(rng):
    made = model(turns=4)
    keep = torch.ones(2, 1, *ODD)
    keep[0, :, :, 7:] = 0  # the halves in which a quarter and three quarters of a turn differ
    y = torch.cat([rendered(made, math.pi / 2), rendered(made, math.pi)]) * keep
    given = Measurement(y=y, operator=Sampling(keep), noise=Gaussian(0.1))
    torch.testing.assert_close(made.poses(given).angle, torch.tensor([math.pi / 2, math.pi]))


def test_the_shift_that_the_encoder_sees_is_turned_with_the_image():
    made = model(turns=4, encoder=Told(0.0, 1.0, 0.0, 0.0, *[-3.0, -3.0, -2.0, -3.0]))
    given = Measurement(y=rendered(made, math.pi / 2, (0.0, 1.5)), operator=Identity(), noise=Gaussian(0.1))
    poses = made.poses(given)
    torch.testing.assert_close(poses.shift, torch.tensor([[0.0, 1.5]]), rtol=0, atol=1e-5)  # R_90 (1, 0) = (0, 1)
    torch.testing.assert_close(poses.spreads[0, 1:3], 1.5 * torch.tensor([-2.0, -3.0]).exp())


@pytest.mark.parametrize(("deviation", "error"), [(math.inf, 0.015), (math.pi / 4, 0.06)])
def test_turn_and_rest_add_up_to_the_angle(deviation, error):
    prior = PoseCode(angle=deviation, shift=1.0, latent=1, turns=8)
    angle = torch.linspace(-math.pi, math.pi, 201)
    turns = torch.arange(-16, 16) * (2 * math.pi / 8)
    density = (Normal(turns, prior.rest).log_prob(angle[:, None]).exp() * prior.log_chances.exp().repeat(4)).sum(1)
    round_about = angle[:, None] + 2 * math.pi * torch.arange(-2, 3)
    wanted = Normal(0.0, deviation).log_prob(round_about).exp().sum(1) if math.isfinite(deviation) else 0.5 / math.pi
    assert float((density - wanted).abs().max()) < error * float(density.max())


def test_draws_of_the_prior_and_the_traversal(rng):
    made = model(turns=4)
    assert made.sample(5, rng).shape == (5, 1, *ODD)
    images = made.traverse(3)
    assert images.shape == (1, 3, 1, *ODD)
    torch.testing.assert_close(images[0, 2], rendered(made, latent=2.0)[0])


def test_the_spread_of_many_particles_is_that_of_their_draws(rng):
    given = Measurement(y=torch.zeros(3, 1, *ODD), operator=Identity(), noise=Gaussian(1.0))
    mean, spread = model().estimate(given)
    assert mean.shape == spread.shape == given.y.shape
    assert bool((spread > 0).any())


def test_a_turn_needs_the_noise(rng):
    with pytest.raises(InputError, match="noise model"):
        model(turns=4).poses(Measurement(y=torch.zeros(1, 1, *ODD), operator=Identity()))
