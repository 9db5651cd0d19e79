import math

import pytest
import torch

from pellucid.data.simulate.microtubules import blinking, filaments, labels, movie
from pellucid.noise import Poisson


def test_filaments_bend_as_worm_like_chains_do(rng):
    chains = filaments(4000, (2000.0, 1500.0), rng, persistence_nm=1000.0, step_nm=20.0)
    steps = chains.diff(dim=1) / 20
    torch.testing.assert_close(torch.linalg.vector_norm(steps, dim=2), torch.ones(steps.shape[:2]).double())
    half = steps[:, steps.shape[1] // 2 :]
    cosine = (half[:, 0] * half[:, 50]).sum(1).mean()
    assert float(cosine) == pytest.approx(math.exp(-50 * 20 / 2 / 1000), abs=0.03)


def test_labels_lie_on_the_tube_at_the_density_asked_for(rng):
    line = torch.stack([torch.linspace(0, 3000, 301), torch.linspace(0, 4000, 301)], 1).double()[None]
    found = labels(line, 2.0, rng)
    assert len(found) == pytest.approx(2500, abs=250)
    across = found @ torch.tensor([0.8, -0.6], dtype=torch.float64)
    assert across.abs().max() < 12.501
    assert float(across.std()) == pytest.approx(12.5 / math.sqrt(2), rel=0.05)


def test_labels_blink_with_the_share_and_the_lifetime_asked_for(rng):
    table = blinking(torch.rand(2000, 2, generator=rng), 300, rng, bright=0.05, lifetime=4.0, photons=500.0)
    assert len(table) / (2000 * 300) == pytest.approx(0.05, rel=0.05)
    assert float(table.photons.mean()) == pytest.approx(500, rel=0.03)
    key = {(f, p) for f, p in zip(table.frame.tolist(), table.positions_nm[:, 0].tolist(), strict=True)}
    stays = sum((f + 1, p) in key for f, p in key if f < 299) / sum(f < 299 for f, _ in key)
    assert stays == pytest.approx(0.75, abs=0.02)


def test_a_movie_holds_all_photons_in_the_frames_in_which_they_are(rng):
    table = blinking(1000 + 500 * torch.rand(30, 2, generator=rng), 20, rng, bright=0.2)
    clean = movie(table, 20, rng, space=(25, 26), background=0.0)
    assert clean.frames.shape == (20, 1, 25, 26)
    sums = torch.zeros(20).index_add(0, table.frame, table.photons)
    torch.testing.assert_close(clean.frames.sum((1, 2, 3)), sums, rtol=1e-4, atol=1e-2)
    noisy = movie(table, 20, rng, space=(25, 26), noise=Poisson())
    assert torch.equal(noisy.frames, noisy.frames.round())
    assert movie(table, 40, rng, space=(25, 26)).frames[30].std() == 0


def test_the_same_generator_gives_the_same_movie():
    def make():
        rng = torch.Generator().manual_seed(3)
        sites = labels(filaments(3, (1000.0, 1000.0), rng), 20.0, rng)
        return movie(blinking(sites, 5, rng, bright=0.1), 5, rng, space=(10, 10), noise=Poisson()).frames

    assert torch.equal(make(), make())
