import numpy as np
import pytest
import tifffile
import torch
from scipy.io import savemat

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.operators.ptychography import illumination, microscope
from pellucid.restorers.embedded_pupil import EmbeddedPupil
from pellucid.workflows.modalities.fpm import fpm, grid, oriented, spiral

ARRAY = {"na": 0.1, "pixel_size_um": 1.6, "led_pitch_mm": 4.0, "led_distance_mm": 90.0}
LENS = {"na": 0.1, "wavelength_nm": 630.0, "pixel_size_nm": 1600.0}


def images(count=25, size=32):
    sines = illumination(4.0 * spiral(count), distance_mm=90.0)
    operator = microscope(sines, (size, size), upsampling=2, **LENS)
    x = torch.ones(1, 1, 2 * size, 2 * size, dtype=torch.complex64)
    x[..., 10:20, 12:30] = 0.5j
    return operator(x)[0, 0].numpy()


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "scan.mat"
    savemat(file, {"imlow_HDR": np.moveaxis(images(), 0, 2), "wlength": 6.3e-7, "z": 0.0, "theta": 0})
    return file


def test_the_operator_is_that_of_the_microscope(path):
    scan = fpm(path, recover_pupil=False, **ARRAY)
    assert scan.measurement.y.shape == (1, 1, 25, 32, 32)
    assert scan.method == "epry"
    sines = illumination(4.0 * spiral(25), distance_mm=90.0)
    expected = microscope(sines, (32, 32), upsampling=2, **LENS)
    assert torch.equal(scan.measurement.operator.fields.shifts, expected.fields.shifts)
    torch.testing.assert_close(scan.measurement.operator.fields.pupil, expected.fields.pupil, atol=1e-5, rtol=0)
    image = scan.image(torch.full((1, 1, 64, 64), 2j))
    assert image.channel_names == ("amplitude", "phase")
    assert image.data[0].max() == 2
    assert abs(image.data[1]).max() < 1e-6
    assert image.scale == {"Y": pytest.approx(0.8), "X": pytest.approx(0.8)}


def test_a_stack_with_flags_is_read_as_the_file_that_says_it_all(path, tmp_path):
    tifffile.imwrite(tmp_path / "stack.tif", images())
    whole = fpm(path, **ARRAY)
    stack = fpm(tmp_path / "stack.tif", wavelength_nm=630, **(ARRAY | {"pixel_size_um": 16, "magnification": 10}))
    torch.testing.assert_close(stack.measurement.operator.fields.pupil, whole.measurement.operator.fields.pupil)
    assert len(whole.notes) == 3


def test_arrays_are_turned_and_mirrored():
    places = spiral(225)
    assert len({tuple(p) for p in places.tolist()}) == 225
    assert places.abs().max() == 7
    assert oriented(spiral(3), "right", mirrored=True, degrees=0.0).tolist() == [[0, 0], [0, 1], [-1, 1]]
    up = oriented(spiral(3), "up", mirrored=False, degrees=0.0)
    torch.testing.assert_close(up, torch.tensor([[0.0, 0.0], [-1.0, 0.0], [-1.0, 1.0]]))
    turned = oriented(grid(4), "right", mirrored=False, degrees=90.0)
    torch.testing.assert_close(turned[1], torch.tensor([0.5, 0.5]))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"na": None}, "give it with --na"),
        ({"pixel_size_um": 9.0}, "needs pixels of at most 3150 nm"),
        ({"upsampling": 1}, "make it 2 times as fine"),
        ({"led_distance_mm": -1.0}, "give it with --led-distance-mm"),
    ],
)
def test_geometry_that_cannot_be_is_refused(path, change, said):
    with pytest.raises(InputError, match=said):
        fpm(path, **(ARRAY | change))


def test_images_that_do_not_fit_are_refused(tmp_path):
    file = tmp_path / "scan.mat"
    savemat(file, {"imlow_HDR": np.ones((8, 8, 24)), "wlength": 6.3e-7})
    with pytest.raises(InputError, match="there are 24"):
        fpm(file, led_order="rows", **ARRAY)
    savemat(file, {"imlow_HDR": -np.ones((8, 8, 25)), "wlength": 6.3e-7})
    with pytest.raises(InputError, match=r"negative or not finite \(smallest -1\)"):
        fpm(file, **ARRAY)
    savemat(file, {"imlow_HDR": np.ones((8, 8)), "wlength": 6.3e-7})
    with pytest.raises(InputError, match="holds no imlow_HDR"):
        fpm(file, **ARRAY)


@pytest.mark.real
def test_a_blood_smear_predicts_leds_that_were_held_out(data_root):
    scan = fpm(
        data_root / "fpm_bloodsmear" / "bloodsmear_red.mat",
        recover_pupil=False,
        slide_mm=1.0,
        **(ARRAY | {"pixel_size_um": 1.845, "led_distance_mm": 90.88}),
    )
    y, operator = scan.measurement.y[:, :, :49], scan.measurement.operator.views(torch.arange(49))  # for time
    weight = torch.ones(1, 1, 49, 1, 1)
    weight[:, :, 4::12] = 0
    found, recovered = EmbeddedPupil(iterations=8).recover(Measurement(y=y, operator=operator, weight=weight))
    error = [
        float(
            torch.linalg.vector_norm((op(x) ** 0.5 - y**0.5)[:, :, 4::12])
            / torch.linalg.vector_norm(y[:, :, 4::12] ** 0.5)
        )
        for op, x in ((recovered, found), (operator, operator.backproject(y)))
    ]
    assert error[0] < 0.2
    assert error[0] < 0.6 * error[1]
