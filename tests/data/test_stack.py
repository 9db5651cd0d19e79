import numpy as np
import pytest

from pellucid.data.image import Image
from pellucid.data.stack import Item, Stack, channels_of
from pellucid.errors import InputError


def numbered(axes, shape, start=0) -> Image:
    """Return an image in which every value is its own number."""
    return Image(data=start + np.arange(np.prod(shape), dtype=np.uint32).reshape(shape), axes=axes)


@pytest.mark.parametrize(
    ("axes", "shape", "dims", "items"),
    [
        ("YX", (5, 6), 2, 1),
        ("TYX", (3, 5, 6), 2, 3),
        ("TCZYX", (2, 3, 4, 5, 6), 2, 8),
        ("TCZYX", (2, 3, 4, 5, 6), 3, 2),
        ("STCZYX", (2, 2, 1, 4, 5, 6), 3, 4),
        ("YX", (5, 6), 3, 1),
    ],
)
def test_every_value_of_a_channel_is_read_once_and_lands_where_it_was(axes, shape, dims, items):
    image = numbered(axes, shape)
    written = np.zeros(shape, np.float32)
    for channel in range(image.size("C")):
        stack = Stack((image,), channel, dims)
        assert len(stack.items) == items
        for item in stack.items:
            everything = tuple(slice(0, n) for n in stack.space(item))
            block = stack.read(item, everything)
            assert block.shape == stack.space(item)
            assert block.dtype == np.float32
            part = block[0] if dims == 3 and "Z" not in axes else block
            written[stack.index(item, everything)] = part
    np.testing.assert_array_equal(written, image.data)


def test_a_region_is_read_alone():
    stack = Stack((numbered("CZYX", (2, 4, 5, 6)),), 1, 2)
    block = stack.read(stack.items[3], (slice(1, 3), slice(2, 5)))
    np.testing.assert_array_equal(block, stack.images[0].data[1, 3, 1:3, 2:5])


def test_items_go_image_by_image():
    stack = Stack((numbered("TYX", (2, 5, 6)), numbered("YX", (7, 8))), 0, 2)
    assert stack.items == [Item(0, (("T", 0),)), Item(0, (("T", 1),)), Item(1, ())]
    assert [stack.space(item) for item in stack.items] == [(5, 6), (5, 6), (7, 8)]


def test_values_that_are_not_finite_are_refused():
    data = np.ones((5, 6), np.float32)
    data[2, 3] = np.nan
    with pytest.raises(InputError, match="NaN"):
        Stack((Image(data=data, axes="YX"),), 0, 2).read(Item(0, ()), (slice(0, 5), slice(0, 6)))


def test_a_sample_is_of_equal_blocks_that_do_not_overlap(numpy_rng):
    images = (numbered("TYX", (3, 1300, 700)), numbered("YX", (600, 800), start=10_000_000))
    blocks = Stack(images, 0, 2).sample(numpy_rng)
    assert blocks.shape == (3 * 2 + 1, 592, 688)
    assert np.unique(blocks).size == blocks.size


def test_of_more_than_memory_holds_a_random_part_is_read():
    stack = Stack((numbered("TYX", (50, 64, 64)),), 0, 2)
    first, again, other = (stack.sample(np.random.default_rng(s), pixels=64 * 64 * 5) for s in (0, 0, 1))
    assert first.shape == (5, 64, 64)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("shape", "block"),
    [
        ((7, 96, 96), (4, 96, 96)),
        ((3, 64, 64), (3, 64, 64)),
        ((200, 64, 64), (64, 64, 64)),
        ((40, 50, 130), (40, 48, 128)),
    ],
)
def test_volumes_are_cut_into_thin_blocks(shape, block, numpy_rng):
    assert Stack((numbered("ZYX", shape),), 0, 3).sample(numpy_rng).shape[1:] == block


def test_images_that_share_a_model_have_the_same_channels():
    assert channels_of([numbered("CYX", (2, 3, 4)), numbered("CZYX", (2, 1, 3, 4))]) == 2
    with pytest.raises(InputError, match="these have 1, 2; choose one with --channel, or add --each"):
        channels_of([numbered("CYX", (2, 3, 4)), numbered("YX", (3, 4))])
