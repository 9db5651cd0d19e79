import h5py
import numpy as np
import pytest
import torch

from pellucid._math.fft import fft, ifft
from pellucid.data.prepare.coils import coil_maps, espirit, low_resolution_maps
from pellucid.errors import InputError


def residual(images, maps):
    """Return ||(I - S S*) m|| / ||m||: what of the images of the coils the maps cannot explain."""
    explained = maps * (maps.conj() * images).sum(1, keepdim=True)
    return float(torch.linalg.vector_norm(images - explained) / torch.linalg.vector_norm(images))


def sigpy_maps(kspace):
    app = pytest.importorskip("sigpy.mri.app", reason="the oracle is sigpy")
    return torch.from_numpy(app.EspiritCalib(kspace[0].to(torch.complex64).numpy(), show_pbar=False).run())[None]


def noisy(kspace, sigma, rng):
    return kspace + sigma * torch.randn(kspace.shape, dtype=kspace.dtype, generator=rng)


def test_espirit_finds_the_maps_up_to_a_phase(scan):
    image, maps, kspace = scan
    found = coil_maps(kspace)
    alike = (found.conj() * maps).sum(1).abs()[image[:, 0].abs() > 0]
    assert float(alike.mean()) > 0.999
    assert float(alike.min()) > 0.98
    torch.testing.assert_close((found.abs() ** 2).sum(1)[0, 32, 32].item(), 1.0)
    assert found.abs()[..., :2, :2].max() == 0


@pytest.mark.filterwarnings("ignore")
def test_espirit_explains_the_coils_no_worse_than_sigpy(scan, rng):
    kspace = noisy(scan[2], 0.02, rng)
    images = ifft(kspace, 2)
    assert residual(images, coil_maps(kspace)) <= residual(images, sigpy_maps(kspace).to(images.dtype))


@pytest.mark.real
@pytest.mark.filterwarnings("ignore")
def test_espirit_explains_a_scanned_phantom_no_worse_than_sigpy(data_root):
    with h5py.File(data_root / "mri_ksp_phantom8ch" / "phantom8ch.h5") as file:
        kspace = torch.from_numpy(np.asarray(file["ycart"])).to(torch.complex64)[None]
    images = ifft(kspace, 2)
    assert residual(images, coil_maps(kspace)) <= residual(images, sigpy_maps(kspace)) < 0.03


def test_slices_are_estimated_one_by_one_in_tiles(scan, monkeypatch):
    kspace = torch.cat((scan[2], scan[2].flip(1) * 1j))
    whole = coil_maps(kspace)
    monkeypatch.setattr("pellucid.data.prepare.coils._TILE", 1 << 16)
    for i in range(2):
        torch.testing.assert_close(coil_maps(kspace[i : i + 1]), whole[i : i + 1])


def test_a_volume_has_maps_too(scan):
    maps, image = scan[1][..., None, ::4, ::4], scan[0][..., None, ::4, ::4]
    volume = maps * image * torch.hann_window(12, dtype=torch.float64)[:, None, None]
    found = espirit(fft(volume, 3)[..., 1:11, 3:13, 3:13], (12, 16, 16), kernel=4)
    assert residual(volume, found) < 0.025


def test_a_thin_centre_gives_low_resolution_maps(scan):
    images, kspace = scan[0] * scan[1], scan[2].clone()
    kspace[..., :29] = kspace[..., 36:] = 0
    found = coil_maps(kspace)
    torch.testing.assert_close(found, low_resolution_maps(kspace[..., 20:44, 29:36], (64, 64)))
    assert residual(images, found) < 0.15


def test_what_does_not_fit_is_refused(scan):
    with pytest.raises(InputError, match="at least 6 and at most as many"):
        espirit(scan[2][..., :5, :24], (64, 64))
    with pytest.raises(InputError, match="all zero"):
        espirit(torch.zeros_like(scan[2]), (64, 64))
