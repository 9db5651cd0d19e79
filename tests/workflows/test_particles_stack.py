from pathlib import Path

import mrcfile
import numpy as np
import pytest
import torch

from pellucid.data.prepare.particles import outside
from pellucid.errors import InputError
from pellucid.operators.ctf import ctf
from pellucid.workflows.particles_stack import Reading, stack

from .particle_stacks import PIXEL, SIZE, simulated, write

pytest.importorskip("starfile", reason="starfile, of the extra em, reads STAR")


@pytest.fixture
def path(tmp_path):
    return simulated(tmp_path)


def read(path, rng, **reading):
    return stack(path, Reading(**reading), rng)


def test_the_background_is_empty_and_its_noise_white(path, rng):
    found = read(path, rng, star=path.with_name("p.star"))
    assert found.y.shape == (32, 1, SIZE, SIZE)
    pixels = found.y[:, 0, outside(SIZE, 0.85)]
    assert abs(float(pixels.mean())) < 0.02
    assert float(pixels.std()) == pytest.approx(1, abs=0.1)
    assert found.contrast > 10


def test_the_operator_of_a_particle_is_its_contrast_transfer_and_the_whitening(path, rng):
    """A point through the operator is the filter; divided by the CTF of the STAR file it is one filter for all."""
    found = read(path, rng, star=path.with_name("p.star"))
    foci = torch.tensor(
        [float(line.split()[1]) / 1e4 for line in path.with_name("p.star").read_text().splitlines()[-32:]]
    )
    transfer = ctf(SIZE, pixel_size_angstrom=PIXEL, defocus_um=foci)
    point = torch.zeros(1, 1, SIZE, SIZE)
    point[..., SIZE // 2, SIZE // 2] = 1
    seen = found.measurement.operator(point.expand(32, -1, -1, -1))[:, 0]
    filters = torch.fft.rfft2(torch.fft.ifftshift(seen, (-2, -1))).real
    white = filters[0] / transfer[0]
    torch.testing.assert_close(filters, transfer * white, rtol=1e-3, atol=1e-4)
    assert white.min() > 0


def test_the_star_file_alone_and_beside_its_stack_are_the_same(path, rng):
    beside, alone = read(path, rng, star=path.with_name("p.star")), read(path.with_name("p.star"), rng)
    assert torch.equal(beside.y, alone.y)
    assert beside.names == alone.names
    assert list(alone.tables) == ["optics", "particles"]
    assert set(alone.files) == set(beside.files) == {path, path.with_name("p.star")}


def test_a_stack_alone_is_taken_for_plain_projections_with_a_warning(path, rng):
    found = read(path, rng)
    assert any("plain projections" in warning for warning in found.warnings)
    assert found.names[1] == "000002@p.mrcs"
    torch.testing.assert_close(found.transfers, found.transfers[:1])


def test_cropping_widens_the_pixel(path, rng):
    found = read(path, rng, size=8)
    assert found.y.shape[-1] == 8
    assert (found.pixel_size_angstrom, found.shrunk) == (2 * PIXEL, 2.0)
    assert "--size" in found.notes[0]


def test_an_inverted_stack_is_the_same_particles(path, rng):
    with mrcfile.open(path) as file:
        dark = write(path.with_name("dark.mrcs"), -file.data)
    torch.testing.assert_close(read(dark, rng, invert=True).y, read(path, rng).y)
    assert read(dark, rng).contrast < -10


def test_images_without_noise_are_given_some_and_that_is_said(tmp_path, rng):
    clean = torch.zeros(16, 16, 16)
    clean[:, 5:11, 5:11] = torch.rand(16, 6, 6, generator=rng)
    found = read(write(tmp_path / "clean.mrcs", clean), rng)
    assert any("white noise of a third" in warning for warning in found.warnings)
    assert float(found.y[:, 0, outside(16, 0.85)].std()) == pytest.approx(1, abs=0.1)


def test_some_particles_keep_their_transfer_functions(path, rng):
    found = read(path, rng, star=path.with_name("p.star"))
    rows = torch.tensor([4, 1])
    assert found[rows].names == (found.names[4], found.names[1])
    torch.testing.assert_close(found[rows].transfers, found.transfers[rows])


def changed(path, change):
    with mrcfile.open(path) as file:
        images = file.data.copy()
    return write(path.with_name("changed.mrcs"), change(images))


def with_nan(images):
    images[3, 2, 2] = np.nan
    return images


def with_blank(images):
    images[[1, 5]] = 4.0
    return images


@pytest.mark.filterwarnings("ignore:Data array contains NaN values:RuntimeWarning")
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (with_nan, "1 of 32 images .* no numbers"),
        (with_blank, "2 of 32 images .* are empty"),
        (lambda images: images[:1], "too few particles, 1: 8 are the least"),
        (lambda images: images[:, :12], "12 x 16 pixels: crop them to squares"),
        (lambda images: images[:, :6, :6], "6 x 6 pixels, and 8 x 8 are the least"),
    ],
)
def test_wrong_images_are_refused_in_one_sentence(path, rng, change, reason):
    with pytest.raises(InputError, match=reason) as caught:
        read(changed(path, change), rng)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("reading", "reason"),
    [
        ({"size": 64}, "up to the 16 of p.mrcs; 64 is not"),
        ({"size": 7}, "8 pixels, the least"),
        ({"mask_radius": 2.0}, "radius of 0.1 to 1"),
        ({"pixel_size_angstrom": -1.0}, "larger than 0 angstrom"),
        ({"star": "gone.star"}, "gone.star does not exist"),
        ({"data_dir": Path()}, r"--data-dir is for .*; p\.mrcs is one itself"),
    ],
)
def test_wrong_readings_are_refused(path, rng, reading, reason):
    given = {key: path.with_name(value) if key == "star" else value for key, value in reading.items()}
    with pytest.raises(InputError, match=reason):
        read(path, rng, **given)


def test_a_text_file_is_no_stack(tmp_path, rng):
    path = tmp_path / "notes.txt"
    path.write_text("a few words about particles")
    with pytest.raises(InputError, match="is not an MRC"):
        read(path, rng)


def test_background_is_cropped_levelled_and_whitened_like_the_images(path, rng):
    noise = write(path.with_name("noise.mrcs"), 7 - 3 * torch.randn(40, SIZE, SIZE, generator=rng))
    found = read(path, rng, background=noise, size=12)
    assert found.background.shape == (40, 1, 12, 12)
    torch.testing.assert_close(found.background.mean((1, 2, 3)), torch.zeros(40), atol=1e-4, rtol=0)
    assert float(found.background.std()) == pytest.approx(1, abs=0.1)
    assert noise in found.files
    small = write(path.with_name("small.mrcs"), torch.randn(40, 12, 12, generator=rng))
    with pytest.raises(InputError, match=r"12 pixels along an edge and the particles 16"):
        read(path, rng, background=small)


def test_a_folder_is_no_stack(tmp_path, rng):
    with pytest.raises(InputError, match="is a folder: name the stack in it"):
        read(tmp_path, rng)


def test_a_star_file_of_other_particles_is_refused(path, rng):
    text = path.with_name("p.star").read_text()
    fewer = path.with_name("fewer.star")
    fewer.write_text("\n".join(text.splitlines()[:-2]) + "\n")
    with pytest.raises(InputError, match=r"lists 30 particles and p\.mrcs holds 32"):
        read(path, rng, star=fewer)
    assert len(read(fewer, rng).y) == 30
    lost = path.with_name("lost.star")
    lost.write_text(text.replace("@p.mrcs", "@lost.mrcs"))
    with pytest.raises(InputError, match=r"names lost\.mrcs, which is not in"):
        read(lost, rng)
    with pytest.raises(InputError, match="leave out --star"):
        read(lost, rng, star=fewer)


@pytest.mark.real
def test_real_particles_are_dark_and_their_noise_coloured(data_root, rng):
    folder = data_root / "cryoem_betagal"
    found = read(folder / "particles.mrcs", rng, star=folder / "particles.star")
    assert found.y.shape == (32, 1, 32, 32)
    assert found.pixel_size_angstrom == pytest.approx(6 * 1.274)
    assert found.contrast < -3
