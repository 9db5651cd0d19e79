import pytest
import torch

from pellucid._math.fft import fft, ifft
from pellucid.data.prepare.slice_grappa import Multiband, slice_grappa
from pellucid.data.simulate.sms_fmri import multiband_series
from pellucid.errors import InputError


@pytest.fixture(scope="module")
def scan():
    """Return three frames of three slices at once, every second line measured, and the truth."""
    rng = torch.Generator().manual_seed(0)
    series = multiband_series(rng, size=32, slices=3, coils=12, frames=3, noise=0.003)
    return Multiband(
        y=series.y, operator=series.instrument, single_band=series.single_band, shifts=series.shifts
    ), series


def test_slices_are_pulled_apart_and_their_coils_combined(scan, built):
    measurement, series = scan
    image = built("split_slice_grappa", measurement, tikhonov=1e-3).restorer(measurement)
    assert image.shape == series.truth.shape
    assert (image - series.truth).norm() < 0.15 * series.truth.norm()
    kspace = slice_grappa(series.y, series.single_band, shifts=series.shifts, tikhonov=1e-3)
    combined = (series.instrument.coil_maps.conj() * ifft(kspace, 2)).sum(2)
    assert torch.allclose(image, combined, atol=1e-5)


def test_the_coils_are_combined_with_the_most_signal_to_noise(scan):
    """Of all weights that give the image back, conjugate maps of unit root sum of squares have the least norm."""
    _, series = scan
    maps = series.instrument.coil_maps[0]
    coils = ifft(fft(series.truth[0, :, None] * maps, 2), 2)
    assert torch.allclose((maps.conj() * coils).sum(1), series.truth[0], atol=1e-5)
    one, least = 1 / maps[:, 0].abs(), torch.linalg.vector_norm(maps.conj(), dim=1)
    assert bool((least <= one + 1e-5).all())


def test_without_scans_of_each_slice_it_says_what_is_missing(scan, spectrum, built):
    with pytest.raises(InputError, match="give them with --modality sms --single-band"):
        built("split_slice_grappa", spectrum).restorer(spectrum)
