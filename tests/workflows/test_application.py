import numpy as np
import pytest
import torch

from pellucid.data.image import Image
from pellucid.data.measurement import Measurement
from pellucid.data.stack import Stack
from pellucid.errors import InputError
from pellucid.operators import Identity
from pellucid.restoration import restore
from pellucid.tiling import Cancelled
from pellucid.workflows.application import Application, Preview
from pellucid.workflows.learn import learn
from pellucid.workflows.model import Model

CPU = torch.device("cpu")


def model_of(images, job, dims=2, pairs=()):
    return Model(dims=dims, channels=learn(images, pairs, dims, job)[0])


def applied(model, image, pair=None, dtype=np.float32, **options):
    out = np.zeros(image.shape, dtype)
    previews = Application(model=model, device=CPU, **options).run(image, pair, out, np.dtype(dtype))
    return out, previews


def whole(channel, *planes):
    """Return what the restorer of a channel says of a plane, or of shots of it, that is in memory."""
    y = torch.from_numpy(np.stack(planes))[None]
    tensor = restore(Measurement(y=y, operator=Identity()), channel.restorer).image
    return tensor[0, 0].numpy()


def test_a_plane_is_restored_as_it_is_in_memory(frame, job):
    model = model_of([frame], job("noise2void"))
    image, (preview,) = applied(model, frame)
    np.testing.assert_allclose(image, whole(model.channels[0], frame.data), rtol=1e-5)
    np.testing.assert_array_equal(preview.noisy, frame.data)
    np.testing.assert_array_equal(preview.restored, image)
    assert preview.spread is None


def test_every_frame_and_channel_is_restored_by_its_own(frame, again, job):
    data = np.stack([[frame.data, 3 * again.data], [again.data, 3 * frame.data]])
    movie = Image(data=data, axes="TCYX")
    model = model_of([movie], job("total_variation"))
    image, previews = applied(model, movie)
    for t in range(2):
        for c in range(2):
            np.testing.assert_allclose(image[t, c], whole(model.channels[c], data[t, c]), rtol=1e-4)
    assert len(previews) == 2
    assert previews[1].item.place == (("T", 1),)
    np.testing.assert_array_equal(previews[1].restored, image[1, 1])
    assert (previews[0].spread > 0).all()


def test_volumes_are_restored_along_their_planes(truth, numpy_rng, job):
    stack = Image(data=numpy_rng.poisson(truth, (8, 64, 64)).astype(np.float32), axes="ZYX")
    model = model_of([stack], job("noise2void"), dims=3)
    image, (preview,) = applied(model, stack)
    np.testing.assert_allclose(image, whole(model.channels[0], stack.data), rtol=1e-4)
    np.testing.assert_array_equal(preview.restored, image[4])
    with pytest.raises(InputError, match="made for stacks with a Z axis"):
        applied(model, Image(data=truth.astype(np.float32), axes="YX"))


def test_integers_are_rounded_and_clipped(frame, job):
    model = model_of([frame], job("total_variation"))
    floats, _ = applied(model, frame)
    image, _ = applied(model, frame, dtype=np.uint8)
    np.testing.assert_array_equal(image, np.clip(np.rint(floats), 0, 255))


def test_a_second_shot_goes_to_what_was_made_for_it_alone(frame, again, job):
    double = model_of([frame], job("noise2noise"), pairs=[again])
    image, _ = applied(double, frame, again)
    np.testing.assert_allclose(image, whole(double.channels[0], frame.data, again.data), rtol=1e-5)
    single = model_of([frame], job("noise2void"), pairs=[again])
    np.testing.assert_array_equal(applied(single, frame, again)[0], applied(single, frame)[0])
    with pytest.raises(InputError, match="Pairs must match"):
        applied(double, frame, again.with_data(again.data[:32]))


def test_the_time_is_announced_and_progress_told(frame, again, job):
    movie = Image(data=np.stack([frame.data, again.data]), axes="TYX")
    model, told = model_of([movie], job("noise2void")), []
    applied(model, movie, watch=told.append)
    first, *rest = told
    assert first.text.startswith("Applying noise2void: about")
    assert first.seconds_left >= 0
    assert [event.done for event in rest] == sorted(event.done for event in rest)
    assert rest[-1].done == pytest.approx(1.0)
    assert any(event.done == pytest.approx(0.5) for event in rest)


def test_what_is_cancelled_stops(frame, job):
    with pytest.raises(Cancelled):
        applied(model_of([frame], job("noise2void")), frame, cancel=lambda: True)


def test_other_channels_are_refused(frame, job):
    colour = Image(data=np.stack([frame.data] * 2), axes="CYX")
    with pytest.raises(InputError, match=r"made for 1 channel\(s\), but the image has 2"):
        applied(model_of([frame], job("total_variation")), colour)


def test_a_preview_is_the_middle_of_the_middle(numpy_rng):
    big = Image(data=numpy_rng.random((3, 1200, 1100)).astype(np.float32), axes="TYX")
    preview = Preview.of(Stack((big,), 0, 2), 0)
    assert preview.item.place == (("T", 1),)
    np.testing.assert_array_equal(preview.noisy, big.data[1, 88:1112, 38:1062])
    maps = torch.ones(2, 300, 300)
    preview.keep((slice(0, 300), slice(0, 300)), maps)
    assert preview.restored.sum() == (300 - 88) * (300 - 38) == preview.spread.sum()
    preview.keep((slice(1150, 1200), slice(0, 300)), maps)
    assert preview.restored.sum() == (300 - 88) * (300 - 38)
