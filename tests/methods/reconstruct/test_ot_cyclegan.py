from dataclasses import replace

import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.data.source import Step
from pellucid.errors import InputError
from pellucid.methods.reconstruct.ot_cyclegan import alike, ot_cyclegan, standardised
from pellucid.noise import Gaussian, PoissonGaussian
from pellucid.operators import Blur, Crop, Diagonal, LearnableBlur
from pellucid.restorers.transport import LearnedBlur
from pellucid.restorers.wiener import Mirrored, brightness, wiener
from pellucid.training import Plan, fit

UNIT = 700.0  # recordings and clean images come in units of their own


def mosaics(count, rng):
    """Return images of squares of four by four pixels, a few of them bright."""
    return (torch.rand(count, 1, 8, 8, generator=rng) ** 3).repeat_interleave(4, 2).repeat_interleave(4, 3)


@pytest.fixture
def case(rng):
    """Return images, and recordings of others through a blur."""
    psf = torch.exp(-((torch.arange(7.0) - 3) ** 2) / 4.5)
    operator = Blur((psf[:, None] * psf / psf.sum() ** 2)[None, None], "reflect")
    images, truth, noise = 255 * mosaics(12, rng), UNIT * mosaics(12, rng), Gaussian(0.02 * UNIT)
    return images, truth, Measurement(y=noise.sample(operator(truth), rng), operator=operator, noise=noise)


def built(case, **given):
    images, _, recorded = case
    return ot_cyclegan(recorded, rng=torch.Generator().manual_seed(0), clean=[images], features=8, **given)


def trained(made, recorded, steps):
    (stage,) = made.stages
    plan = Plan(steps=steps, optimisers={"model": stage.adam, "critic": stage.critic})
    fit(stage.model, stage.objective, stage.source([recorded]), plan)


def test_it_deblurs_recordings_of_objects_whose_images_it_never_saw(case):
    _, truth, recorded = case
    made = built(case, rate=8e-3)
    trained(made, recorded, 60)
    with torch.no_grad():
        restored = made.restorer(recorded)
    estimate = wiener(recorded.y, recorded.operator, 0.01)
    assert (restored - truth).square().mean() < 0.6 * (estimate - truth).square().mean()


def test_a_blind_kernel_is_found(case):
    images, _, recorded = case
    unknown = replace(recorded, operator=LearnableBlur(torch.full((1, 1, 7, 7), 1 / 49), "reflect"))
    made = built((images, None, unknown))
    trained(made, unknown, 60)
    found, psf = made.model.way.kernel.detach(), recorded.operator.psf[0, 0]
    assert torch.corrcoef(torch.stack([found.flatten(), psf.flatten()]))[0, 1] > 0.8
    made.tell(unknown.operator)
    torch.testing.assert_close(unknown.operator.kernel[0, 0], found)
    assert not list(filter(lambda part: part.requires_grad, unknown.operator.parameters()))


def test_a_known_instrument_has_no_critic_of_recordings_and_is_no_part_of_the_model(case):
    made = built(case, forward=0.1)
    assert made.stages[0].objective.recordings is None
    assert made.stages[0].objective.cycle == (10, 1)
    assert {name.split(".")[0] for name in made.model.state_dict()} == {"network", "ratio"}


def test_the_same_seed_gives_the_same_maps(case):
    found = []
    for _ in range(2):
        made = built(case)
        trained(made, case[2], 2)
        with torch.no_grad():
            found.append(made.restorer(case[2]))
    assert torch.equal(*found)


def test_the_unit_of_recordings_is_that_of_the_image(case):
    made, recorded = built(case), case[2]
    with torch.no_grad():
        twice = made.restorer(recorded.with_y(2 * recorded.y))
        torch.testing.assert_close(twice, 2 * made.restorer(recorded))


def test_clean_images_become_as_bright_as_recordings(case):
    images, _, recorded = case
    like = standardised(recorded, recorded.operator)
    (found,) = alike([10 * images + 50], recorded.operator, like)
    (same,) = alike([images], recorded.operator, like)
    torch.testing.assert_close(found, same)
    seen = recorded.operator(same).flatten().view(1, -1)
    assert float(brightness(seen)) == pytest.approx(1, abs=1e-4)
    assert float(brightness(like.y.flatten().view(1, -1))) == pytest.approx(1, abs=1e-4)


def test_blind_clean_images_have_the_mean_of_the_recordings(case):
    images, _, recorded = case
    noise = PoissonGaussian(1.0, 30.0, 5.0)  # thirty grey levels are dark
    y = noise.sample(recorded.operator(case[1]) + 30, torch.Generator().manual_seed(0))
    like = standardised(replace(recorded, y=y, noise=noise), recorded.operator)
    (found,) = alike([images], LearnedBlur(7), like)
    unit = float(brightness(y.flatten().view(1, -1)))
    assert float(found.mean()) == pytest.approx(float(y.mean() - 30) / unit, rel=1e-2)


def test_clean_images_choose_the_wiener_filter_by_the_noise(case):
    images, _, recorded = case
    ratios = [
        float(built((images, None, replace(recorded, noise=noise))).model.ratio)
        for noise in (Gaussian(0.1 * UNIT), recorded.noise, None)
    ]
    assert ratios == pytest.approx([0.1, 0.01, 0.01])


def test_what_was_not_measured_is_filled_and_what_lies_around_is_a_mirror_image(case):
    recorded = case[2]
    crop = Crop((40, 40), (slice(4, 36), slice(4, 36)))
    keep = torch.ones(1, 1, 32, 32, dtype=torch.bool)
    keep[..., 5, 5] = False
    whole = (crop @ Blur(recorded.operator.psf)).restrict(keep)
    made = built(case)
    with torch.no_grad():
        image = made.restorer(Measurement(y=recorded.y * keep, operator=whole))
        seen = made.restorer(recorded)
    assert image.shape == (12, 1, 40, 40)
    torch.testing.assert_close(image, crop.backproject(crop(image)))
    assert (crop(image) - seen).abs().mean() < 0.02 * seen.abs().mean()


def test_patches_of_a_step_are_of_one_recording(case, rng):
    recorded = case[2]
    dark = replace(recorded, y=-recorded.y.abs())
    (stage,) = built(case).stages
    source = stage.source([recorded, dark])
    batch = source.draw(Step(0, 0.0, rng))
    assert batch.y.shape == batch.images.shape == (16, 1, 32, 32)
    assert bool((batch.y < 0).all()) or bool((batch.y.flatten(1).amax(1) > 0).all())


@pytest.mark.parametrize(
    ("clean", "sentence"),
    [
        (torch.rand(1, 1, 12, 40), "measure 12 x 40 pixels, but the critic and the instrument need 16 x 16"),
        (torch.ones(1, 1, 32, 32), "the same everywhere"),
        (1 - mosaics(4, torch.Generator().manual_seed(0)), "the clean images dark on bright: invert"),
    ],
)
def test_clean_images_of_something_else_are_refused(case, clean, sentence):
    with pytest.raises(InputError, match=sentence):
        built((clean, None, case[2]))


def test_other_instruments_are_refused(case):
    with pytest.raises(InputError, match="no other instrument: use --method ssdu"):
        built((*case[:2], replace(case[2], operator=Diagonal(torch.ones(())))))


def test_a_learned_psf_is_as_wide_along_each_axis(case):
    images, _, recorded = case
    example = replace(recorded, operator=LearnableBlur(torch.full((1, 1, 5, 9), 1 / 45)))
    with pytest.raises(InputError, match=r"\(5, 9\) was asked for"):
        ot_cyclegan(example, rng=torch.Generator(), clean=[images])


def test_what_is_dark_is_told_from_all_of_a_large_image(case):
    large = torch.zeros(1, 1, 6144, 4096)
    large[:, :, :4096] = 5
    (image,) = alike([large], Blur(torch.ones(1, 1, 1, 1)), standardised(case[2], case[2].operator))
    assert float(image.min()) == 0


def test_without_clean_images_it_only_restores(case):
    made = ot_cyclegan(case[2], rng=torch.Generator().manual_seed(0))
    assert made.stages == ()
    assert isinstance(made.restorer, Mirrored)
