import itertools

import numpy as np
import pytest
import torch

from pellucid.data.measurement import Measurement, Repeated
from pellucid.data.patches import Patches
from pellucid.data.source import Step
from pellucid.errors import InputError
from pellucid.noise import Gaussian
from pellucid.operators import Identity


def numbered(images, channels, *space):
    """Return data in which every entry has its own number."""
    shape = (images, channels, *space)
    return torch.arange(float(torch.Size(shape).numel())).view(shape)


def drawn(rng, y, patch, batch=2000, symmetries="all", **facts):
    data = Measurement(y=y, operator=Identity(), **facts)
    return Patches(data=data, patch=patch, batch=batch, symmetries=symmetries).draw(Step(0, 0.0, rng))


def views_of(block: torch.Tensor, symmetries: str) -> list[torch.Tensor]:
    """Return a block mirrored along every set of its axes, with and without rows and columns exchanged."""
    if symmetries == "none":
        return [block]
    axes = range(-block.ndim + 1, 0)
    flips = [c for n in range(len(axes) + 1) for c in itertools.combinations(axes, n)]
    views = [block.flip(flip) for flip in flips]
    return views + [view.mT for view in views] if symmetries == "all" else views


@pytest.mark.parametrize("symmetries", ["all", "mirrors", "none"])
@pytest.mark.parametrize("patch", [(3, 3), (2, 3, 3)], ids=["plane", "volume"])
def test_each_symmetry_occurs_equally_often_and_no_other(patch, symmetries, rng):
    y = numbered(1, 1, *patch)  # one corner only: what varies is the symmetry
    patches = drawn(rng, y, patch, batch=8000, symmetries=symmetries).y
    views = torch.stack(views_of(y[0], symmetries))
    which = (patches.unsqueeze(1) == views).flatten(2).all(2)
    assert (which.sum(1) == 1).all()
    rate = which.float().mean(0)
    chance = {"all": 1 / 2 ** (len(patch) + 1), "mirrors": 1 / 2 ** len(patch), "none": 1.0}[symmetries]
    assert len(views) == 1 / chance
    assert (rate - chance).abs().max() < 5 * (chance / 8000) ** 0.5


@pytest.mark.parametrize("channels", [1, 3])
def test_all_corners_of_all_images_are_reached_equally_often(channels, rng):
    y = numbered(2, channels, 6, 5)
    patches = drawn(rng, y, (4, 4), batch=6000).y
    assert patches.shape == (6000, channels, 4, 4)
    first = patches[:, 0].flatten(1).min(1).values.long()  # a symmetry keeps the least number, that of the corner
    image, place = first // (channels * 30), first % (channels * 30)
    corners = torch.bincount((image * 30 + place).long(), minlength=60).view(2, 6, 5)
    assert (corners[:, 3:] == 0).all()
    assert (corners[:, :, 2:] == 0).all()
    reached = corners[:, :3, :2].flatten() / 6000
    assert (reached - 1 / 12).abs().max() < 5 * (1 / 12 / 6000) ** 0.5


@pytest.mark.parametrize("patch", [(3, 3), (2, 3, 3)])
def test_channels_stay_together(patch, rng):
    space = tuple(p + 2 for p in patch)
    y = numbered(2, 3, *space)
    patches = drawn(rng, y, patch, batch=50).y
    size = torch.Size(space).numel()
    torch.testing.assert_close(
        patches - patches[:, :1], torch.arange(3.0).view(3, *[1] * len(patch)).mul(size) + 0 * patches
    )


def test_weight_and_noise_travel_with_the_data(rng):
    y, noise = numbered(2, 2, 7, 9), Gaussian(0.5)
    patches = drawn(rng, y, (4, 4), batch=64, weight=2 * y + 1, noise=noise)
    torch.testing.assert_close(patches.weight, 2 * patches.y + 1)
    assert patches.noise is noise


def test_repeats_are_cut_alike(rng):
    y = numbered(2, 1, 8, 8)
    shots = tuple(Measurement(y=y + 1000 * i, operator=Identity(), weight=y * 0 + i) for i in range(3))
    data = Repeated(y=y, operator=Identity(), shots=shots)
    batch = Patches(data=data, patch=(4, 4), batch=16).draw(Step(0, 0.0, rng))
    assert isinstance(batch, Repeated)
    assert torch.equal(batch.y, batch.shots[0].y)
    for i, shot in enumerate(batch.shots):
        assert torch.equal(shot.y, batch.y + 1000 * i)
        assert (shot.weight == i).all()


def test_draw_depends_on_the_generator_alone():
    y = numbered(1, 1, 32, 32)
    once, again, other = (drawn(torch.Generator().manual_seed(s), y, (8, 8), batch=4).y for s in (1, 1, 2))
    assert torch.equal(once, again)
    assert not torch.equal(once, other)


@pytest.mark.parametrize(
    ("y", "patch", "sentence"),
    [
        (np.ones((2, 1, 8, 8), np.float32), (4, 4), "but ndarray of float32 came: convert it"),
        (torch.ones(2, 1, 8, 8, dtype=torch.uint8), (4, 4), "but Tensor of torch.uint8 came"),
        (torch.ones(2, 1, 8, 8, dtype=torch.float64), (4, 4), "but Tensor of torch.float64 came"),
        ([[1.0]], (4, 4), "but list came"),
        (torch.ones(2, 8, 8), (4, 4), r"the data have the shape \(2, 8, 8\)"),
        (torch.ones(2, 1, 8, 8), (4,), r"Patches of \(4,\) are cut"),
        (torch.ones(0, 1, 8, 8), (4, 4), r"the shape \(0, 1, 8, 8\)"),
        (torch.ones(2, 1, 8, 8), (4, 9), "none smaller"),
        (torch.ones(2, 1, 8, 8), (4, 0), "none smaller"),
        (torch.ones(2, 1, 8, 8), (4, 5), "choose symmetries='mirrors'"),
        (torch.full((2, 1, 8, 8), torch.nan), (4, 4), "hold NaN or infinity"),
    ],
)
def test_what_has_no_patches_is_refused_in_one_sentence(y, patch, sentence):
    with pytest.raises(InputError, match=sentence):
        Patches(data=Measurement(y=y, operator=Identity()), patch=patch, batch=2)
