import pytest
import torch

from pellucid.data.crops import Crops, PairedCrops, UnpairedCrops
from pellucid.data.source import Step

SIZES = ((5, 9), (7, 4), (6, 6))


def images(channels=2):
    """Return images whose values tell image, channel, row and column."""
    return [
        1000 * i
        + 100 * torch.arange(float(channels)).view(-1, 1, 1)
        + 10 * torch.arange(float(rows)).view(1, -1, 1)
        + torch.arange(float(columns))
        for i, (rows, columns) in enumerate(SIZES)
    ]


@pytest.fixture
def step(rng):
    return Step(0, 0.0, rng)


def test_a_crop_is_a_square_of_one_image_in_one_of_eight_symmetries(rng):
    known = images()
    crops = Crops(known, 3)
    found = crops.take(*crops.places(200, rng))
    assert found.shape == (200, 2, 3, 3)
    seen = set()
    for crop in found:
        assert torch.equal(crop[1] - crop[0], torch.full((3, 3), 100.0))
        for turns in range(8):
            back = torch.rot90(crop.mT if turns >= 4 else crop, turns % 4, (1, 2))
            first = int(back[0, 0, 0])
            image, row, column = first // 1000, first % 100 // 10, first % 10
            if torch.equal(back, known[image][:, row : row + 3, column : column + 3]):
                seen.add(turns)
                break
        else:
            pytest.fail("a crop that is nowhere")
    assert seen == set(range(8))


def test_every_square_is_equally_likely(rng):
    crops = Crops(images(1), 3)
    places = sum((rows - 2) * (columns - 2) for rows, columns in SIZES)
    corners = crops.take(*crops.places(200 * places, rng)).amin((1, 2, 3))
    counts = corners.unique(return_counts=True)[1].float()
    assert len(counts) == places
    assert bool(((counts - 200).abs() < 5 * 200**0.5).all())


def test_pairs_are_cut_alike_and_others_on_their_own(step):
    first, second = Crops(images(), 3), Crops([x + 0.5 for x in images()], 3)
    pairs = PairedCrops(first, second).draw(step)
    assert torch.equal(pairs.truth, pairs.y + 0.5)
    others = UnpairedCrops(first, second).draw(step)
    assert not torch.equal(others.images, others.y + 0.5)
    assert others.y.shape == others.images.shape == (4, 2, 3, 3)
