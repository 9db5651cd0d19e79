"""CryoGAN: its projections, what they cannot tell, and that it learns."""

from dataclasses import replace

import pytest
import torch

from pellucid._math.rotations import uniform_rotations
from pellucid.data.measurement import Measurement
from pellucid.data.patches import Patches
from pellucid.data.prepare.particles import fourier_cropped
from pellucid.data.simulate.proteins import Protein
from pellucid.errors import InputError
from pellucid.methods.generate.cryogan import Recorded, cryogan, finer
from pellucid.methods.generate.multi_cryogan import multi_cryogan
from pellucid.noise import Gaussian
from pellucid.objectives.adversarial import gradient_penalty
from pellucid.operators import Identity
from pellucid.operators.cryo import CentralSlices, PosePrior
from pellucid.restorers.generator import Generator
from pellucid.training import Plan, fit


def blobs(rng, reach=1.2):
    """Return a few blobs without symmetry."""
    return Protein(reach * torch.randn(5, 3, generator=rng), 1.5 + 0.3 * torch.rand(5, generator=rng), torch.ones(5))


def particles(protein, size, count, rng, noise=1.5):
    """Return images in units of their noise."""
    seen = protein.projections(size, uniform_rotations(count, rng)[:, None])[:, :, 0]
    model = Gaussian(1.0)
    return Measurement(y=model.sample(seen / (noise * seen.std()), rng), operator=Identity(), noise=model)


def source(data, size):
    return Patches(data=data, patch=(size, size), batch=16, symmetries="none")


def test_projections_are_analytic_to_one_per_cent(rng):
    protein, rotations = blobs(rng), uniform_rotations(50, rng)[:, None]
    expected = protein.projections(20, rotations)
    found = CentralSlices(rotations, size=20, padding=3.0)(protein.volume(20))
    assert float((found - expected).norm() / expected.norm()) < 0.01


def test_the_volume_is_seen_from_all_sides_alike(rng):
    """The second moments of a rod at u on the unit sphere are those of 16 u²: mean 16 / 3, deviation 16 √(4 / 45)."""
    rod = Protein(torch.tensor([[-4.0, 0, 0], [4, 0, 0]]), torch.full((2,), 1.2), torch.ones(2))
    made = cryogan(20, PosePrior(20), rng=rng, background=torch.zeros(1, 1, 20, 20))

    class Rod(Generator):
        def sample(self, count, rng):
            return rod.volume(20).expand(count, -1, -1, -1, -1)

    seen = made.objective.made(Rod(), Measurement(y=torch.zeros(1000, 1, 20, 20), operator=Identity()), rng)[:, 0]
    places = torch.arange(20.0) - 10
    moments = torch.stack([(seen.sum(axis) * places**2).sum(1) / seen.sum((1, 2)) for axis in (1, 2)], 1)
    torch.testing.assert_close(moments.mean(0), torch.full((2,), 16 / 3 + 1.2**2), rtol=0.2, atol=0)
    torch.testing.assert_close(moments.std(0), torch.full((2,), 16 * (4 / 45) ** 0.5), rtol=0.1, atol=0)


def test_projections_cannot_tell_the_hand(rng):
    """With M = diag(-1, 1, 1), P_R V(M r) = P_{MRM} V: both hands have the same images from uniform sides."""
    volume = torch.randn(1, 1, 9, 9, 9, dtype=torch.float64, generator=rng)
    rotations = uniform_rotations(7, rng, torch.float64)[:, None]
    mirror = torch.diag(torch.tensor([-1.0, 1, 1], dtype=torch.float64))
    torch.testing.assert_close(
        CentralSlices(rotations, size=9)(volume.flip(2)), CentralSlices(mirror @ rotations @ mirror, size=9)(volume)
    )


def test_the_critic_sees_neither_offset_nor_contrast(rng):
    critic = cryogan(12, PosePrior(12), rng=rng).objective.critic
    y = torch.randn(4, 1, 12, 12, generator=rng)
    torch.testing.assert_close(critic(3 * y + 2), critic(y), rtol=1e-4, atol=1e-5)


def test_an_empty_image_spoils_no_weight(rng):
    critic = cryogan(12, PosePrior(12), rng=rng).objective.critic
    y = torch.randn(4, 1, 12, 12, generator=rng)
    y[0] = 3.0
    (critic(y).sum() + gradient_penalty(critic, y, y, rng)).backward()
    assert all(bool(p.grad.isfinite().all()) for p in critic.parameters())


def test_noise_a_times_as_strong_is_a_volume_a_times_as_dense(rng):
    """The critic cannot tell them apart: no scale of the noise is to be learned beside the volume."""
    made = cryogan(12, PosePrior(12), rng=rng)
    torch.nn.init.uniform_(made.model.voxels, generator=rng)
    critic, recorded = made.objective.critic, made.objective.made

    def judged(sigma):
        batch = Measurement(y=torch.zeros(4, 1, 12, 12), operator=Identity(), noise=Gaussian(sigma))
        return critic(recorded(made.model, batch, torch.Generator().manual_seed(1)))

    weak = judged(1.0)
    with torch.no_grad():
        made.model.voxels *= 3
    torch.testing.assert_close(judged(3.0), weak, rtol=1e-4, atol=1e-5)


def test_the_background_is_the_noise(rng):
    background = torch.randn(5, 1, 12, 12, generator=rng)
    made = cryogan(12, PosePrior(12), rng=rng, background=background)
    batch = Measurement(y=torch.zeros(64, 1, 12, 12), operator=Identity())
    images = made.objective.made(made.model, batch, rng)  # of a volume of zeros
    matches = (images[:, None] == background).flatten(2).all(2)
    assert bool(matches.any(1).all())
    assert bool(matches.any(0).all())


class Balls(Generator):
    """Balls of mass 1, 2, 3, ..."""

    def sample(self, count, rng):
        ball = Protein(torch.zeros(1, 3), torch.tensor([1.5]), torch.ones(1)).volume(12)
        return torch.arange(1.0, count + 1).view(-1, 1, 1, 1, 1) * ball


def test_a_draw_is_seen_from_some_sides_before_the_next(rng):
    recorded = Recorded(PosePrior(12), background=torch.zeros(1, 1, 12, 12), sides=4)
    images = recorded(Balls(), Measurement(y=torch.zeros(6, 1, 12, 12), operator=Identity()), rng)
    torch.testing.assert_close(images.sum((1, 2, 3)), torch.tensor([1.0, 1, 1, 1, 2, 2]), rtol=0.05, atol=0)


def test_a_wrong_sign_turns_a_volume_that_may_be_negative():
    """-C P V = C P (-V): the images of a wrong transfer function are those of the negative, which it finds."""
    protein = Protein(torch.zeros(1, 3), torch.tensor([1.6]), torch.ones(1))
    truth = protein.volume(12).flatten()
    wrong = PosePrior(12, transfers=-torch.ones(1, 12, 7))

    def correlation(**settings):
        found = learned(protein, 60, prior=wrong, **settings).flatten()
        return float(torch.corrcoef(torch.stack((found, truth)))[0, 1]) if bool(found.any()) else 0.0

    assert correlation(positive=False) < -0.5
    assert -0.2 < correlation() < 0.3


def learned(protein, steps, *, prior=None, **settings):
    """Return the volume after some steps, from particles of 12 x 12 pixels."""
    rng = torch.Generator().manual_seed(1)
    data = particles(protein, 12, 256, rng)
    made = cryogan(12, prior or PosePrior(12), rng=rng, **settings)
    fit(made.model, made.objective, source(data, 12), Plan(steps=steps, optimisers=made.optimisers))
    return made.model().detach()


def test_a_ball_grows_from_nothing(rng):
    """A ball looks the same from all sides, so that none has to be found; the ball of the mask correlates 0.47."""
    ball = Protein(torch.zeros(1, 3), torch.tensor([1.6]), torch.ones(1))
    found, truth = learned(ball, 60), ball.volume(12)
    assert float(torch.corrcoef(torch.stack((found.flatten(), truth.flatten())))[0, 1]) > 0.6
    assert float(found.min()) >= 0


def cut(images, size):
    """Return images of fewer pixels, in units of their noise."""
    return Measurement(
        y=fourier_cropped(images.y, size) * (images.y.shape[-1] / size), operator=Identity(), noise=images.noise
    )


def test_a_map_and_its_images_become_finer_together(rng):
    fine = Protein(2 * torch.randn(5, 3, generator=rng), torch.full((5,), 2.6), torch.ones(5))
    coarse = replace(fine, centres=fine.centres / 2, widths=fine.widths / 2, masses=fine.masses / 2)
    rotations, still = uniform_rotations(4, rng)[:, None], Gaussian(1.0)
    images = Measurement(y=fine.projections(24, rotations)[:, :, 0], operator=Identity(), noise=still)
    torch.testing.assert_close(cut(images, 12).y, coarse.projections(12, rotations)[:, :, 0], atol=1e-3, rtol=0)
    torch.testing.assert_close(finer(coarse.volume(12), 24), fine.volume(24), atol=1e-4, rtol=0)
    made = cryogan(24, PosePrior(24), rng=rng, first=coarse.volume(12), blur=0.0, radius=2.0)
    torch.testing.assert_close(made.model(), fine.volume(24), atol=1e-4, rtol=0)


def test_a_seed_fixes_the_map(rng):
    protein = blobs(rng)
    torch.testing.assert_close(learned(protein, 3), learned(protein, 3), rtol=0, atol=0)


@pytest.mark.parametrize("method", [cryogan, multi_cryogan])
def test_critics_are_trained_in_low_precision_too(method, rng):
    made = method(12, PosePrior(12, shift=0.5), rng=rng)
    data = particles(blobs(rng), 12, 64, rng)
    plan = Plan(steps=2, optimisers=made.optimisers, precision=torch.bfloat16)
    assert fit(made.model, made.objective, source(data, 12), plan).status == "done"


def test_noise_must_be_known(rng):
    data = Measurement(y=torch.randn(4, 1, 12, 12, generator=rng), operator=Identity())
    made = cryogan(12, PosePrior(12), rng=rng)
    with pytest.raises(InputError, match="noise model"):
        fit(made.model, made.objective, source(data, 12), Plan(steps=1, optimisers=made.optimisers))


def test_small_images_are_refused(rng):
    with pytest.raises(InputError, match="8 x 8"):
        cryogan(6, PosePrior(6), rng=rng)


def test_a_background_of_another_size_is_refused(rng):
    with pytest.raises(InputError, match="patches"):
        cryogan(12, PosePrior(12), rng=rng, background=torch.zeros(5, 12, 12))
