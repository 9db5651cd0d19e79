import numpy as np
import pytest

from pellucid.data.image import Image
from pellucid.workflows.reference import Reference


def test_range_is_255_for_8_bits_and_that_of_the_truth_else(truth):
    clean = Image(data=truth, axes="YX")
    assert Reference(Image(data=truth.astype(np.uint8), axes="YX"), clean, False).range == 255
    plain = Reference(clean, clean, False)
    assert plain.range == np.ptp(truth)
    assert plain.psnr(truth + 1) == pytest.approx(20 * np.log10(np.ptp(truth)))
    assert Reference(clean, clean, True).psnr(2 * truth + 1) > 100


def test_noise_alone_is_no_other_scale(frame, truth):
    assert not Reference(frame, Image(data=truth, axes="YX"), False).warnings
    for other in (truth + 30, 1.2 * truth):
        assert Reference(frame, Image(data=other, axes="YX"), False).warnings
