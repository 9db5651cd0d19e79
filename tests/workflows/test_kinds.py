import numpy as np
import pytest
import tifffile
import torch

from pellucid.data.image import Image
from pellucid.errors import InputError
from pellucid.workflows import kinds
from pellucid.workflows.kinds import Look, Reading, index, kind, opened, places, spread_out

from .kinds_of_cells import cells, folders


def test_a_folder_tells_its_scale_and_its_polarity(tmp_path):
    found = [kind(folder, Reading(), "auto") for folder in folders(tmp_path)]
    assert [k.look.bright for k in found] == [True, False]
    for k in found:
        values = torch.cat([plane.flatten() for plane in k.planes()])
        assert float(values.quantile(0.001)) == pytest.approx(-1, abs=0.02)
        assert float(values.quantile(0.999)) == pytest.approx(1, abs=0.02)
        share = torch.cat([k.look.salient(plane[None]).flatten() for plane in k.planes()]).mean()
        assert float(share) == pytest.approx(np.mean([cells(n).mean() for n in range(8)]), abs=0.02)


def test_what_is_given_outweighs_what_is_found(tmp_path):
    folder = folders(tmp_path)[0]
    assert kind(folder, Reading(), "dark").look.bright is False


def test_content_of_half_the_area_has_no_known_polarity(tmp_path):
    half = np.tile(np.arange(32) // 16, (32, 1)).astype(np.float32)
    tifffile.imwrite(tmp_path / "a.tif", np.stack([half, half]))
    assert kind(tmp_path, Reading(axes="TYX"), "auto").look.bright is None


def test_units_go_there_and_back(numpy_rng):
    look = Look(offset=700.0, scale=450.0, threshold=0.1, bright=True, channels=1)
    values = numpy_rng.uniform(0, 65535, (1, 8, 8)).astype(np.uint16)
    assert np.allclose(look.outside(look.inside(values)), values, atol=0.02)


def test_planes_hold_all_channels(numpy_rng):
    data = numpy_rng.random((3, 2, 20, 24)).astype(np.float32)
    image = Image(data=data, axes="TCYX")
    assert np.array_equal(np.stack(spread_out([image], 99)), data)
    whole = (slice(None), slice(None))
    for number, place in enumerate(places(image)):
        assert np.array_equal(data[index(image, place, whole)], data[number])


@pytest.mark.parametrize("most", [1, 2, 3, 5, 8])
def test_some_planes_are_spread_evenly(most):
    images = [Image(data=np.full((4, 2, 2), 1.0) * np.arange(4)[:, None, None] + 4 * k, axes="ZYX") for k in (0, 1)]
    found = [int(plane[0, 0, 0]) for plane in spread_out(images, most)]
    assert len(found) == most
    assert found[0] == 0
    assert set(np.diff(found)) <= {8 // most, -(-8 // most)}


def test_what_is_too_large_is_learned_from_in_part(tmp_path, monkeypatch):
    found = kind(folders(tmp_path)[0], Reading(), "auto")
    assert found.learned == found.count == 8
    monkeypatch.setattr(kinds, "_HELD", 3 * 24 * 28)
    assert found.learned == len(found.planes()) == 3


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.ones((24, 28), np.uint8) * np.arange(28, dtype=np.uint8), "no common scale"),
        (np.arange(12 * 28, dtype=np.uint16).reshape(12, 28), "has 12 x 28 pixels, and a critic judges 16 x 16"),
        (np.full((24, 28), np.nan, np.float32), "holds no finite value"),
        (np.full((24, 28), 7, np.uint16), "is constant"),
    ],
)
def test_images_that_do_not_belong_are_refused(array, sentence, tmp_path):
    folder = folders(tmp_path)[0]
    tifffile.imwrite(folder / "z.tif", array)
    with pytest.raises(InputError, match=f"bright cannot be learned from: .*{sentence}"):
        kind(folder, Reading(), "auto")


def test_other_channels_are_refused_and_one_can_be_chosen(tmp_path, numpy_rng):
    folder = folders(tmp_path)[0]
    colour = numpy_rng.integers(0, 999, (24, 28, 3)).astype(np.uint16)
    tifffile.imwrite(folder / "z.tif", colour, photometric="rgb")
    with pytest.raises(InputError, match=r"1 channel\(s\) and z.tif 3"):
        kind(folder, Reading(), "auto")
    chosen = opened(sorted(folder.iterdir()), Reading(channel="1"))
    assert {image.size("C") for image in chosen} == {1}, "grey images are the one channel that they have"


def test_one_image_is_no_kind(tmp_path):
    folder = folders(tmp_path, count=1)[0]
    with pytest.raises(InputError, match="holds one image"):
        kind(folder, Reading(), "auto")
