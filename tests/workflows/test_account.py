import numpy as np
import torch

from pellucid.data.image import Image
from pellucid.data.measurement import Measurement
from pellucid.operators import Sampling
from pellucid.restoration import restore
from pellucid.restorers import Regularised
from pellucid.training import History
from pellucid.workflows.account import cuts, data_plane, first_image, learning_of


def test_a_volume_is_cut_three_ways_and_a_plane_once():
    volume = np.arange(2 * 4 * 6 * 8, dtype=np.float32).reshape(2, 4, 6, 8)
    image = Image(
        data=volume, axes="CZYX", scale={"X": 0.5}, units={"X": "micrometer"}, channel_names=("amplitude", "phase")
    )
    found = cuts(image, image)
    shapes = {"x-y": (6, 8), "x-z": (4, 8), "y-z": (4, 6)}
    assert {name: cut.restored.shape for name, cut in found.items()} == {
        f"{channel}, {name}": shape for channel in ("amplitude", "phase") for name, shape in shapes.items()
    }
    np.testing.assert_array_equal(found["amplitude, x-y"].restored, volume[0, 2])
    np.testing.assert_array_equal(found["phase, y-z"].noisy, volume[1, :, :, 4])
    assert (found["phase, x-y"].pixel_size, found["phase, x-y"].unit) == (0.5, "µm")
    plane = Image(data=volume[0, 0], axes="YX")
    assert list(cuts(plane, plane)) == ["x-y"]


def test_the_middle_plane_of_the_data_is_shown_in_decibels_where_they_are_complex():
    y = torch.zeros(1, 3, 4, 5, dtype=torch.complex64)
    y[0, 1] = 10j
    np.testing.assert_allclose(data_plane(y), 20)
    assert data_plane(y.abs()).max() == 10
    assert data_plane(torch.ones(1, 2, 7)).shape == (2, 7)


def test_the_first_image_explains_the_data_as_well_as_its_shape_can(rng):
    keep = torch.rand(1, 1, 6, 6, generator=rng)
    data = Measurement(y=torch.rand(1, 1, 6, 6, generator=rng), operator=Sampling(keep))
    first = first_image(data, restore(data, Regularised(lambda given, s: given.y, 0.0)))
    residual, explained = data.y - keep * first, keep * first
    torch.testing.assert_close((residual * explained).sum(), torch.tensor(0.0), atol=1e-5, rtol=0)


def test_the_course_of_a_training_is_drawn_from_its_last_stage():
    assert learning_of(()) is None
    assert learning_of((History(),)) is None
    row = {"step": 50.0, "seconds": 2.0, "progress": 0.5, "held_out": 0.25, "prior": 0.25, "validation": 0.75}
    curve = learning_of((History(), History(rows=[row])))
    assert (curve.at.tolist(), curve.loss.tolist(), curve.held.tolist()) == ([50.0], [0.5], [0.75])
