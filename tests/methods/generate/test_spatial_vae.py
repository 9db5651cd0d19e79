"""spatial-VAE: it finds out how particles lie."""

import math

import pytest
import torch

from pellucid._math.rotations import from_euler
from pellucid.data import io
from pellucid.data.measurement import Measurement
from pellucid.data.scans import Scans
from pellucid.data.simulate.proteins import Protein
from pellucid.errors import InputError
from pellucid.methods.generate.spatial_vae import spatial_vae
from pellucid.noise import Gaussian
from pellucid.operators import Identity
from pellucid.training import Plan, fit

SIZE = 12


def particles(rng, count=96):
    """Return images of three blobs at any angles, and these."""
    centres = torch.tensor([[0.0, 0.0, 3.5], [0.0, 0.0, -1.0], [0.0, -2.0, -2.0]])
    blobs = Protein(centres, torch.full((3,), 1.2), torch.tensor([8.0, 8.0, 4.0]))
    psi = 2 * math.pi * torch.rand(count, generator=rng)
    rotations = from_euler(torch.stack((torch.zeros(count), torch.zeros(count), psi), 1))
    noise = Gaussian(0.2)
    clean = blobs.projections(SIZE, rotations[:, None])[:, :, 0]
    return Measurement(y=noise.sample(clean, rng), operator=Identity(), noise=noise), psi


def learned(data, steps, **settings):
    made = spatial_vae(data, rng=torch.Generator().manual_seed(1), latent=1, features=32, **settings)
    history = fit(made.model, made.objective, Scans([data], 32), Plan(steps=steps, optimisers=made.optimisers))
    return made.model, history


def test_it_finds_how_particles_lie_that_may_lie_in_any_way(rng):
    data, psi = particles(rng)
    model, _ = learned(data, 120, turns=4)
    found = model.poses(data).angle
    assert float(torch.polar(torch.ones_like(psi), found - psi).mean().abs()) > 0.9  # but for the reference's own angle
    with torch.no_grad():
        restored = model(data) - data.y
    assert float(restored.square().mean()) < 1.3 * float(data.noise.sigma**2)


def test_a_seed_fixes_the_poses(rng):
    data, _ = particles(rng, 32)
    first, second = (learned(data, 3, turns=4)[0].poses(data) for _ in range(2))
    assert torch.equal(first.angle, second.angle)
    assert torch.equal(first.spreads, second.spreads)


@pytest.mark.real
def test_the_toy_hand_runs(data_root):
    y = torch.as_tensor(io.read(data_root / "cryoem_toy_hand" / "hand.mrcs").data[:]).view(-1, 1, 64, 64)
    y = torch.nn.functional.avg_pool2d(y, 4)
    data = Measurement(y=y, operator=Identity(), noise=Gaussian(0.3 * float(y.std())))
    model, history = learned(data, 120, turns=4)
    assert history.status == "done"
    found = model.poses(data)
    images = model.render(found.angle, found.shift, found.latent).detach()
    assert float((images - y).square().mean()) < 0.8 * float((y.mean(0) - y).square().mean())
    assert bool((found.spreads > 0).all())


@pytest.mark.parametrize(
    ("y", "settings", "sentence"),
    [
        (torch.zeros(4, 1, 6, 6), {}, "8 x 8 pixels or more"),
        (torch.ones(4, 1, 12, 12), {}, "same value"),
        (torch.rand(4, 1, 12, 12, generator=torch.Generator()), {"shift": 0.0}, "above zero"),
        (torch.rand(4, 1, 12, 12, generator=torch.Generator()), {"turns": 0}, "at least one"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(y, settings, sentence, rng):
    with pytest.raises(InputError, match=sentence):
        spatial_vae(Measurement(y=y, operator=Identity(), noise=Gaussian(1.0)), rng=rng, **settings)
