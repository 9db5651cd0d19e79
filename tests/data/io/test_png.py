import imagecodecs
import numpy as np
import pytest

from pellucid.data.io import read, write
from pellucid.errors import InputError


def save(path, pixels):
    path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels)))
    return path


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("axes", ["YX", "CYX"])
def test_what_is_written_is_read(tmp_path, make_image, dtype, axes):
    image = make_image(axes, dtype, {"C": 3})
    back = read(write(tmp_path / "a.png", image))
    assert (back.axes, back.dtype) == (axes, dtype)
    assert np.array_equal(back.data, image.data)


def test_opacity_is_dropped_where_it_is_constant_and_refused_where_not(tmp_path, numpy_rng):
    pixels = numpy_rng.integers(0, 255, (6, 5, 4)).astype(np.uint8)
    with pytest.raises(InputError, match="alpha"):
        read(save(tmp_path / "a.png", pixels))
    pixels[..., 3] = 255
    assert np.array_equal(read(save(tmp_path / "a.png", pixels)).data, pixels[..., :3].transpose(2, 0, 1))
    grey = read(save(tmp_path / "b.png", pixels[..., 2:]))
    assert (grey.axes, grey.data.tolist()) == ("YX", pixels[..., 2].tolist())


@pytest.mark.parametrize(("axes", "dtype"), [("YX", "float32"), ("ZYX", "uint8"), ("CYX", "uint8")])
def test_what_png_cannot_hold_is_refused(tmp_path, make_image, axes, dtype):
    with pytest.raises(InputError, match=r"PNG holds .* write \.ome\.tif"):
        write(tmp_path / "a.png", make_image(axes, dtype))
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("little_memory")
def test_a_header_that_declares_too_much_is_refused(tmp_path):
    path = save(tmp_path / "a.png", np.zeros((4, 4), np.uint8))
    encoded = bytearray(path.read_bytes())
    encoded[16:24] = (60_000).to_bytes(4, "big") * 2
    path.write_bytes(encoded)
    with pytest.raises(InputError, match="memory"):
        read(path)
