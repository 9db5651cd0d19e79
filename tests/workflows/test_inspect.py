import json
import os

import numpy as np
import pytest
from scipy import ndimage

from pellucid.data.image import Image
from pellucid.data.io import write
from pellucid.workflows.inspect import inspect


def test_names_what_the_file_says(tmp_path, numpy_rng):
    data = numpy_rng.poisson(np.linspace(5, 50, 128), (3, 2, 128, 128)).astype(np.uint16)
    scale, units = {"T": 2.0, "Y": 0.1, "X": 0.1}, {"T": "second", "Y": "micrometer", "X": "micrometer"}
    image = Image(data=data, axes="TCYX", scale=scale, units=units, channel_names=("GFP", "RFP"))
    facts = inspect(write(tmp_path / "cells.ome.tif", image))
    found = json.loads(json.dumps(facts.as_dict()))
    assert (found["axes"], found["shape"], found["dtype"]) == ("TCYX", [3, 2, 128, 128], "uint16")
    assert found["pixel_size"]["X"] == pytest.approx(0.1)
    assert [channel["channel"] for channel in found["channels"]] == ["GFP", "RFP"]
    for channel in found["channels"]:
        assert channel["noise"]["gain"] == pytest.approx(1, rel=0.1)
        assert channel["blind_spot_valid"]
    assert "channels: GFP, RFP" in str(facts)
    assert len(inspect(tmp_path / "cells.ome.tif", channel="RFP").channels) == 1


@pytest.mark.parametrize("name", ["a.ome.tif", "a.ome.zarr", "a.mrc", "a.nii", "a.nii.gz"])
def test_an_image_that_was_made_up_is_named(tmp_path, name, numpy_rng):
    image = Image(data=numpy_rng.normal(100, 5, (4, 40, 40)).astype(np.float32), axes="ZYX")
    long = {"settings": {f"setting {k}": k for k in range(20)}}
    for note, marked in (({}, False), ({"generated": True}, True)):
        facts = inspect(write(tmp_path / name, image, provenance=long | note, overwrite=True))
        assert facts.as_dict()["generated"] is marked
        assert ("a network made up a part" in str(facts)) is marked


def test_correlated_noise_rules_blind_spots_out(tmp_path, numpy_rng):
    noise = ndimage.gaussian_filter(numpy_rng.standard_normal((128, 128)), 0.8)
    np.save(tmp_path / "smooth.npy", 100 + 10 * noise)
    facts = inspect(tmp_path / "smooth.npy")
    channel = facts.as_dict()["channels"][0]
    assert channel["noise"]["lag1_y"] > 0.5
    assert not channel["blind_spot_valid"]
    assert "--pairs" in channel["advice"]
    assert "structn2v" in channel["advice"]
    mask = np.array(channel["noise"]["mask"])
    assert mask[mask.shape[0] // 2 - 1, mask.shape[1] // 2] == 1
    assert channel["noise"]["pattern"] == f"correlated over {mask.shape[0]} x {mask.shape[1]} pixels"
    assert channel["noise"]["pattern"] in str(facts)
    assert "not valid" in str(facts)


def test_stripes_are_told_in_words_and_numbers(tmp_path, numpy_rng):
    np.save(tmp_path / "lines.npy", 100 + 10 * (numpy_rng.normal(size=(128, 128)) + numpy_rng.normal(size=(128, 1))))
    facts = inspect(tmp_path / "lines.npy")
    noise = json.loads(json.dumps(facts.as_dict()))["channels"][0]["noise"]
    assert noise["stripes_x"] == pytest.approx(1 / 2**0.5, rel=0.2)
    assert noise["stripes_y"] == 0
    assert f"horizontal stripes of {noise['stripes_x']:.2f} sigma" in str(facts)


def test_strength_of_gaussian_noise(tmp_path, numpy_rng):
    np.save(tmp_path / "flat.npy", numpy_rng.normal(50, 3, (128, 128)))
    noise = inspect(tmp_path / "flat.npy").as_dict()["channels"][0]["noise"]
    assert noise["model"] == "gaussian"
    assert noise["sigma"] == pytest.approx(3, rel=0.05)


@pytest.mark.parametrize(
    ("array", "why"),
    [
        (np.ones((64, 64), np.complex64), "complex"),
        (np.ones((64, 64), np.float32), "constant"),
        (np.eye(64) > 0, "mask"),
        (np.arange(400.0).reshape(20, 20), "32 pixels"),
    ],
)
def test_describes_what_it_cannot_diagnose(tmp_path, array, why):
    np.save(tmp_path / "odd.npy", array)
    facts = inspect(tmp_path / "odd.npy")
    assert facts.as_dict()["channels"][0]["noise"] is None
    assert why in str(facts)
    assert str(array.dtype) in str(facts)


@pytest.mark.real
@pytest.mark.skipif("PELLUCID_DATA" not in os.environ, reason="set PELLUCID_DATA to the folder of real data sets")
@pytest.mark.parametrize(("name", "valid"), [("Confocal_MICE_1", True), ("WideField_BPAE_G_1", False)])
def test_real_images_are_told_apart(data_root, name, valid):
    channel = inspect(data_root / "fluo_fmd" / "raw" / f"{name}.png").as_dict()["channels"][0]
    assert channel["blind_spot_valid"] is valid


@pytest.mark.real
@pytest.mark.skipif("PELLUCID_DATA" not in os.environ, reason="set PELLUCID_DATA to the folder of real data sets")
def test_complex_mrc_is_named(data_root):
    assert "complex" in str(inspect(data_root / "formats_mrc_star" / "mode4.mrc"))
