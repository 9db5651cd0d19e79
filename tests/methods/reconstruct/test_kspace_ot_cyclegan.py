from dataclasses import replace

import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.data.simulate.brains import random_brain
from pellucid.data.source import Step
from pellucid.errors import InputError
from pellucid.methods.reconstruct.kspace_ot_cyclegan import Parts, kspace_ot_cyclegan
from pellucid.noise import Gaussian
from pellucid.training import Plan, fit


@pytest.fixture(scope="session")
def clean():
    """Return brains that nobody scanned, in a unit of their own."""
    rng = torch.Generator().manual_seed(5)
    return 40 * torch.cat([random_brain(32, rng, details=6) for _ in range(6)])


@pytest.fixture
def recording(slices):
    return replace(slices.recording, noise=Gaussian(0.05))


def built(recording, clean, **given):
    return kspace_ot_cyclegan(recording, rng=torch.Generator().manual_seed(0), clean=clean, preset="lite", **given)


def trained(method, recording, steps):
    (stage,) = method.stages
    adam, critic = (replace(optimiser, warm_up=5) for optimiser in (stage.adam, stage.critic))
    plan = Plan(steps=steps, optimisers={"model": adam, "critic": critic})
    fit(stage.model, stage.objective, stage.source([recording]), plan)


def test_scans_are_learned_from_images_of_others(recording, clean, error):
    method = built(recording, [clean])
    before = error(method)
    trained(method, recording, 25)
    assert error(method) < 0.95 * before


def test_images_are_recorded_as_the_scan_beside_them_and_the_cycle_is_simulated_supervision(recording, clean, rng):
    (stage,) = built(recording, [clean[:3], clean[3:]]).stages
    batch = stage.source([replace(recording, noise=None)]).draw(Step(0, 0.0, rng))
    step = Step(0, 0.0, rng)
    with torch.no_grad():
        cycle = stage.objective.terms(stage.model, batch, step)["cycle"]
        simulated = stage.model(batch.with_y(batch.operator(batch.images)))
        supervised = (batch.images - simulated).abs().mean()
        explained = (batch.y - batch.operator(stage.model(batch))).abs().mean()
    torch.testing.assert_close(cycle, 10 * (supervised + explained))


def test_the_critic_of_images_counts_by_its_weight(recording, clean, rng):
    (stage,) = built(recording, [clean], adversarial=0.3).stages
    batch, step = stage.source([recording]).draw(Step(0, 0.0, rng)), Step(0, 0.0, rng)
    with torch.no_grad():
        found = stage.objective.terms(stage.model, batch, step)["images"]
        judged = stage.objective.images(stage.model(batch))
    torch.testing.assert_close(found, 0.3 * (judged - 1).square().mean() / 2)


def test_scans_and_images_have_one_unit(recording, clean):
    first, second = (built(recording, [gain * clean]).stages[0].source([recording]) for gain in (1, 9))
    torch.testing.assert_close(first.images, second.images)
    y = first.recordings[0]
    seen = y.operator.adjoint(y.y).abs().flatten(1)
    assert float(torch.quantile(seen, 0.99, dim=1).mean()) == pytest.approx(1, rel=0.02)
    assert float(y.noise.sigma / y.y.abs().max()) == pytest.approx(0.05 / float(recording.y.abs().max()))


def test_real_images_are_images_without_phase(recording, clean, rng):
    (stage,), (same,) = (built(recording, [of]).stages for of in (clean.abs(), clean.abs() + 0j))
    terms = []
    for each in (stage, same):
        batch, step = each.source([recording]).draw(Step(0, 0.0, rng)), Step(0, 0.0, torch.Generator().manual_seed(0))
        terms.append(each.objective.critic_terms(each.model, batch, step)["image_critic"])
    torch.testing.assert_close(*terms)


def test_a_critic_sees_real_and_imaginary_parts(rng):
    x = torch.randn(2, 1, 4, 4, dtype=torch.complex64, generator=rng)
    seen = Parts(torch.nn.Identity())(x)
    torch.testing.assert_close(seen, torch.cat([x.real, x.imag], 1))
    assert torch.equal(Parts(torch.nn.Identity())(x.real), x.real)


def test_the_same_seed_gives_the_same_network(recording, clean):
    found = []
    for _ in range(2):
        method = built(recording, [clean])
        trained(method, recording, 2)
        found.append(torch.cat([p.detach().flatten() for p in method.model.parameters()]))
    assert torch.equal(*found)


def test_clean_images_of_another_matrix_are_refused(recording, clean):
    with pytest.raises(InputError, match=r"matrix \(32, 32\), and clean images \(24, 24\)"):
        built(recording, [clean[..., :24, :24]])
    with pytest.raises(InputError, match="NaN"):
        built(recording, [clean * torch.nan])


def test_real_data_are_no_scan(recording):
    with pytest.raises(InputError, match="is for MRI scans"):
        built(replace(recording, y=recording.y.real), [])


def test_without_clean_images_it_only_restores(recording):
    method = built(recording, [])
    assert method.stages == ()
    assert isinstance(recording, Measurement)
    assert method.restorer is method.model
