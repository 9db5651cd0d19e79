from copy import deepcopy
from dataclasses import replace
from math import log10

import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.data.sampling import measured_samples
from pellucid.data.scans import Scans
from pellucid.data.simulate.brains import random_brain
from pellucid.data.simulate.coils import birdcage_coils
from pellucid.data.simulate.sampling import poisson_disc
from pellucid.data.source import Fixed
from pellucid.errors import InputError
from pellucid.objectives import HeldOut, normalised_l1_l2
from pellucid.operators.mri import Sense
from pellucid.training import Adam, Plan, Validation, fit


@pytest.fixture(scope="module")
def head():
    """Return a function that scans a head, a third of it sampled: the scan, and what is right."""

    def scan(size: int, noise: float):
        rng, space = torch.Generator().manual_seed(1), (size, size)
        truth, coils = random_brain(size, rng), birdcage_coils(6, space)
        mask = poisson_disc(space, 3, size // 4, rng)
        kspace = Sense(coils)(truth)
        kspace = kspace + noise * torch.randn(kspace.shape, dtype=kspace.dtype, generator=rng)
        return Measurement(y=mask * kspace, operator=Sense(coils, mask)), truth

    return scan


@pytest.fixture
def train():
    """Return a function that fits a method to a scan without Γ."""

    def run(method, scan, steps, validation=None):
        (stage,) = method.stages
        source = Scans([method.split(scan, torch.Generator())[0]])
        plan = Plan(steps=steps, optimisers={"model": stage.adam})
        return fit(stage.model, stage.objective, source, plan, validation=validation)

    return run


class Watched(HeldOut):
    """The loss on Γ, which also takes down how right the image of all samples is."""

    def __init__(self, method, scan, truth):
        super().__init__(method.split, normalised_l1_l2)
        self.scan, self.truth, self.decibels = scan, truth, []

    def terms(self, model, batch, step):
        self.decibels.append(decibels(model, self.scan, self.truth))
        return super().terms(model, batch, step)


def decibels(model, scan, truth):
    with torch.no_grad():
        return -10 * log10(float((model(scan) - truth).abs().square().mean()))


def test_the_stop_is_within_a_fifth_of_a_decibel_of_the_best_moment(head, built, train):
    scan, truth = head(32, noise=0.05)
    method = built("zs_ssl", scan, preset="lite", start="backprojection", masks=1)
    (stage,) = method.stages
    eager = replace(method, stages=(replace(stage, adam=Adam(rate=2e-2, warm_up=10)),))
    watched = Watched(method, scan, truth)
    train(eager, scan, 60, Validation(objective=watched, source=Fixed(scan), interval=5))
    best, last = max(watched.decibels), watched.decibels[-1]
    assert last < best - 0.5  # with one division of so noisy a scan the network learns its noise in the end
    assert decibels(method.restorer, scan, truth) > best - 0.2


@pytest.mark.parametrize(("start", "gain"), [("classical", 0.3), ("backprojection", 0.5)])
def test_a_few_steps_bring_the_image_nearer_to_the_truth(head, built, train, start, gain):
    scan, truth = head(48, noise=0.02)
    method = built("zs_ssl", scan, start=start, preset="lite", masks=10)
    before = decibels(method.restorer, scan, truth)
    train(method, scan, 40)
    assert decibels(method.restorer, scan, truth) > before + gain


def test_it_is_judged_after_each_pass_through_the_divisions_as_in_the_paper(head, built):
    (stage,) = built("zs_ssl", head(32, noise=0.02)[0], start="backprojection", preset="lite", masks=7).stages
    assert (stage.interval, stage.patience) == (7, 25)


def test_gamma_is_fixed_and_never_given_nor_a_target(head, built):
    scan, _ = head(32, noise=0.02)
    method = built("zs_ssl", scan)
    given, gamma = method.split(scan, torch.Generator().manual_seed(1))
    again = method.split(scan, torch.Generator().manual_seed(2))[1]
    assert torch.equal(gamma.weight, again.weight)
    theta, held = method.stages[0].objective.split(given, torch.Generator().manual_seed(3))
    parts = [measured_samples(theta), held.weight > 0, gamma.weight > 0]
    assert torch.equal(sum(part.int() for part in parts), measured_samples(scan).int())
    left = int(measured_samples(given).sum())
    assert int(parts[1].sum()) == round(0.2 * left)
    assert left == measured_samples(scan).sum() - round(0.2 * int(measured_samples(scan).sum()))


def test_hidden_samples_cannot_reach_the_network(head, built):
    scan, _ = head(32, noise=0.02)
    method = built("zs_ssl", scan)
    split = method.stages[0].objective.split
    _, held = split(scan, torch.Generator().manual_seed(0))
    images = []
    for y in (scan.y, scan.y * (1 + held.weight)):
        given, _ = split(scan.with_y(y), torch.Generator().manual_seed(0))
        images.append(deepcopy(method.restorer)(given))
    assert torch.equal(*images)


def test_before_training_it_is_the_mean_of_the_classical_images_brought_to_the_data(head, built):
    scan, _ = head(32, noise=0.0)
    restorer = built("zs_ssl", scan).restorer
    mean = torch.stack([part(scan) for part in restorer.classical]).mean(0)
    off, before = (torch.linalg.vector_norm(scan.operator(x) - scan.y) for x in (restorer(scan), mean))
    assert off < before


def test_real_images_are_refined(blurred, built, train):
    data = blurred()
    data = replace(data, y=data.y.float())
    method = built("zs_ssl", data, masks=2)
    train(method, data, 2)
    image = method.restorer(data)
    assert not image.is_complex()
    assert image.isfinite().all()


def test_too_few_samples_are_refused(head, built):
    scan, _ = head(32, noise=0.0)
    keep = torch.zeros(1, 1, 32, 32)
    keep[..., 12:21, 12:21] = 1
    with pytest.raises(InputError, match="cannot be held out"):
        built("zs_ssl", Measurement(y=scan.y * keep, operator=scan.operator.restrict(keep)))


def test_whole_lines_that_are_missing_are_told(head, built, slices):
    scan, _ = head(32, noise=0.02)
    one = Measurement(y=slices.recording.y[:1], operator=slices.recording.operator[0])
    assert "Whole lines" in built("zs_ssl", one, masks=2).warnings[0]
    assert built("zs_ssl", scan, masks=2).warnings == ()
