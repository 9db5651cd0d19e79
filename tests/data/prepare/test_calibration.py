import pytest
import torch

from pellucid.data.prepare.calibration import acquired, calibration_data, calibration_region
from pellucid.errors import InputError


@pytest.mark.parametrize(
    ("shape", "widths"), [((32, 33), (10, 7)), ((31, 40), (9, 9)), ((20, 21, 22), (6, 5, 8)), ((9, 64), (9, 24))]
)
def test_the_box_is_found_around_the_centre(shape, widths):
    mask = torch.zeros(1, 1, *shape)
    box = tuple(slice(n // 2 - w // 2, n // 2 - w // 2 + w) for n, w in zip(shape, widths, strict=True))
    mask[(..., *box)] = 1
    assert calibration_region(mask) == box
    mask[..., ::3] = 1
    assert calibration_region(mask, widest=None)[0].stop >= box[0].stop


def test_what_was_acquired_is_what_is_not_zero_in_every_coil():
    kspace = torch.zeros(1, 2, 8, 8, dtype=torch.complex64)
    kspace[0, 0, 2:7, 1:7] = 1
    kspace[0, 1, 3, 3] = 1j
    assert acquired(kspace).sum() == 30
    assert torch.equal(calibration_data(kspace), kspace[..., 2:7, 1:7])


def test_every_slice_must_have_the_box():
    mask = torch.ones(2, 1, 16, 16)
    mask[1, :, :, 12:] = 0
    assert calibration_region(mask) == (slice(0, 16), slice(4, 12))


def test_without_a_centre_there_is_no_calibration():
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., ::2, :] = 1
    with pytest.raises(InputError, match=r"\(ACS\), at least 4 samples along each axis, but only 1 x 32 were"):
        calibration_region(mask, None)
    with pytest.raises(InputError, match="ACS"):
        calibration_data(torch.zeros(1, 2, 8, 8, dtype=torch.complex64))
