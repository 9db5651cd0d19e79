import numpy as np

from pellucid.data.image import Image


def test_an_image_knows_the_length_of_its_axes():
    image = Image(data=np.zeros((3, 4, 5), np.uint8), axes="ZYX")
    assert (image.shape, image.dtype) == ((3, 4, 5), np.uint8)
    assert (image.size("Z"), image.size("X"), image.size("C")) == (3, 5, 1)


def test_other_numbers_keep_the_meaning():
    image = Image(data=np.zeros((4, 5), np.uint8), axes="YX", scale={"X": 0.1}, provenance={"method": "a"})
    other = image.with_data(np.ones((4, 5), np.float32))
    assert other.dtype == np.float32
    assert (other.axes, other.scale, other.provenance) == (image.axes, image.scale, image.provenance)
    assert image.dtype == np.uint8
