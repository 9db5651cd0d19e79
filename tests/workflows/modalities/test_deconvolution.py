from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from pellucid.data.image import Image
from pellucid.data.io import read, write
from pellucid.errors import InputError
from pellucid.methods import function
from pellucid.metrics import psnr
from pellucid.operators import Blur, LearnableBlur
from pellucid.operators.optics import Optics
from pellucid.operators.psf import vectorial
from pellucid.workflows.modalities.deconvolution import deconvolution

SIZES = {"Z": 0.3, "Y": 0.1, "X": 0.1}
LENS = {"na": 1.2, "wavelength_nm": 520.0, "index": 1.33}


def saved(path: Path, data, axes="ZYX", scale=SIZES):
    units = dict.fromkeys(scale, "micrometer")
    image = Image(data=np.asarray(data), axes=axes, scale=dict(scale), units=units)
    return write(path, image)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """Return the file of a blurred stack that the object surrounds, the PSF, and the object that is seen."""
    rng = torch.Generator().manual_seed(0)
    folder = tmp_path_factory.mktemp("stack")
    psf = vectorial((15, 47, 47), Optics(**LENS, coverslip_index=1.5), pixel_size_nm=100, plane_spacing_nm=300).float()
    points = (torch.rand(1, 1, 30, 94, 94, generator=rng) < 0.002).float()
    truth = 300 * Blur(torch.ones(1, 1, 3, 7, 7), "reflect")(points) + 50
    y = torch.poisson(Blur(psf, "valid")(truth), generator=rng) + 100
    return (
        saved(folder / "stack.ome.tif", y[0, 0].numpy().astype(np.uint16)),
        saved(folder / "psf.ome.tif", psf[0, 0].numpy()),
        truth[0, 0, 7:-7, 23:-23, 23:-23].numpy(),
    )


def solved(scan, name, **settings):
    method = function(name, "reconstruct")(scan.measurement, rng=torch.Generator().manual_seed(0), **settings)
    return scan.image(method.restorer(scan.measurement))


@pytest.mark.parametrize("given", ["psf", "optics"])
def test_a_stack_is_sharper_and_has_no_ringing_edges(stack, given):
    path, psf, truth = stack
    scan = deconvolution(path, background=100, **({"psf": psf} if given == "psf" else LENS))
    result = solved(scan, "rl", iterations=20)
    assert (result.axes, result.shape, result.dtype) == ("ZYX", truth.shape, np.float32)
    assert dict(result.scale) == SIZES
    blurred = np.asarray(read(path).data) - 100.0
    peak = float(truth.max() - truth.min())
    assert psnr(result.data, truth, peak) > psnr(blurred, truth, peak) + 1.5
    edge = np.ones(truth.shape, bool)
    edge[2:-2, 4:-4, 4:-4] = False
    assert np.square(result.data - truth)[edge].mean() < np.square(blurred - truth)[edge].mean()


def test_sizes_that_are_given_are_those_of_the_result(tmp_path):
    path = saved(tmp_path / "plane.tif", np.ones((24, 24), np.float32), "YX", scale={})
    cross = np.eye(5, dtype=np.float32)
    psf = saved(tmp_path / "psf.tif", cross + cross[::-1], "YX", scale={})
    scan = deconvolution(path, psf=psf, pixel_size_nm=65)
    result = scan.image(scan.measurement.operator.adjoint(scan.measurement.y))
    assert (dict(result.scale), dict(result.units)) == ({"Y": 65, "X": 65}, {"Y": "nanometer", "X": "nanometer"})


def test_wiener_works_on_what_surrounds_the_image(stack):
    path, psf, truth = stack
    scan = deconvolution(path, psf=psf, background=100)
    blurred, peak = np.asarray(read(path).data) - 100.0, float(truth.max())
    for settings, gain in (({"strength": 0.003}, 1), ({}, 0)):
        result = solved(scan, "wiener", **settings)
        assert psnr(result.data, truth, peak) > psnr(blurred, truth, peak) + gain


def test_the_operator_is_the_blur_of_a_larger_object(stack):
    path, psf, truth = stack
    scan = deconvolution(path, psf=psf)
    operator, kernel = scan.measurement.operator, torch.from_numpy(np.asarray(read(psf).data))[None, None]
    x = torch.zeros(1, 1, *operator.in_shape[1:])
    inside = torch.from_numpy(truth)[None, None]
    x[(..., *scan.image.region)] = inside
    part = (slice(2, 9), slice(3, 40), slice(2, 30))
    point = torch.zeros_like(x)
    point[(..., *(p.start + 5 for p in scan.image.region))] = 1
    torch.testing.assert_close(operator(point)[..., 5, 5, 5].item(), kernel.max().item())
    expected = Blur(kernel)(functional.pad(inside, (24, 24, 24, 24, 8, 8)))[..., 8:-8, 24:-24, 24:-24]
    torch.testing.assert_close(operator(x)[(..., *part)], expected[(..., *part)], rtol=0.02, atol=1.0)
    assert scan.measurement.noise is not None
    assert any("Background" in note and "estimated" in note for note in scan.notes)


def test_frames_of_a_movie_are_deconvolved_one_by_one(tmp_path, rng):
    movie = torch.poisson(torch.full((3, 40, 44), 50.0), generator=rng).numpy()
    path = saved(tmp_path / "movie.ome.tif", movie.astype(np.float32), "TYX", {"Y": 0.1, "X": 0.1})
    scan = deconvolution(path, **LENS)
    assert scan.measurement.y.shape == (3, 1, 40, 44)
    assert scan.image(torch.zeros(3, 1, *scan.measurement.operator.in_shape[1:])).shape == (3, 40, 44)


def test_the_psf_of_beads_is_measured(tmp_path, rng):
    psf = vectorial((21, 25, 25), Optics(**LENS, coverslip_index=1.5), pixel_size_nm=100, plane_spacing_nm=300)
    image = torch.zeros(1, 1, 21, 80, 80, dtype=torch.float64)
    for row, column in ((20, 20), (20, 58), (58, 20), (58, 58)):
        image[0, 0, 10, row, column] = 3e4
    beads = saved(tmp_path / "beads.ome.tif", torch.poisson(Blur(psf)(image) + 10, generator=rng)[0, 0].numpy())
    scan = deconvolution(beads, beads=beads)
    assert "measured from 4 of 4 beads" in scan.notes[0]


def test_a_psf_may_be_left_to_be_learned(stack):
    scan = deconvolution(stack[0], psf_width=7)
    (blur,) = (part for part in scan.measurement.operator.modules() if isinstance(part, LearnableBlur))
    assert blur.taps == (7, 7, 7)
    torch.testing.assert_close(blur.kernel.detach(), torch.full((1, 1, 7, 7, 7), 1 / 343))
    assert scan.notes[0] == "PSF to be learned, 7 pixels along each axis."


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "in one way alone"),
        ({"na": 1.2, "psf": Path("psf.tif")}, "in one way alone"),
        ({"na": 1.2}, "add --wavelength-nm"),
        ({"na": 1.2, "wavelength_nm": 520.0, "plane_spacing_nm": 300.0}, "along X: add --pixel-size-nm"),
        ({"na": 1.2, "wavelength_nm": 520.0, "pixel_size_nm": 100.0}, "along Z: add --plane-spacing-nm"),
        ({"na": 1.2, "wavelength_nm": 520.0, "pixel_size_nm": -1.0}, "are positive"),
        (LENS | {"na": 1.4, "pixel_size_nm": 1.0, "plane_spacing_nm": 1.0}, "but is 1.4"),
        ({"psf": "large"}, r"17 x 17 x 17, is larger than stack.ome.tif, 16 x 48 x 48"),
        (
            {"psf": "flat"},
            r"^psf.ome.tif has 2 axes \(17, 17\), but the PSF of stack.ome.tif, .* has ZYX: give",
        ),
        ({"psf": Path("missing.tif")}, "^missing.tif does not exist"),
        ({"psf": "negative"}, "negative values"),
        ({"psf": "coarse"}, "resample the PSF"),
        ({"psf": Path("psf.tif"), "psf_width": 7}, "or have it learned, by --psf-width"),
        ({"psf_width": 8}, "an odd number of pixels wide, from 3 up to the 16 x 48 x 48 of the image; 8 is not"),
        ({"psf_width": 17}, "17 is not"),
    ],
)
def test_what_does_not_go_together_is_told(given, message, tmp_path):
    stack = saved(tmp_path / "stack.ome.tif", np.ones((16, 48, 48), np.float32), scale={})
    bump = np.zeros((17, 17, 17), np.float32)
    bump[8, 8, 8] = 1
    files = {"large": bump, "flat": bump[8], "negative": bump[1:-1] - 0.5, "coarse": bump[1:-1]}
    if (name := given.get("psf")) in files:
        axes, scale = ("YX" if name == "flat" else "ZYX"), ({"X": 1.0, "Y": 1.0} if name == "coarse" else {})
        given = {"psf": saved(tmp_path / "psf.ome.tif", files[name], axes, scale)}
        given |= {"pixel_size_nm": 100.0} if name == "coarse" else {}
    with pytest.raises(InputError, match=message):
        deconvolution(stack, **given)


def test_channels_and_numbers_that_are_none_are_told(tmp_path):
    colours = saved(tmp_path / "colours.ome.tif", np.ones((2, 40, 40), np.float32), "CYX", {})
    with pytest.raises(InputError, match="choose one with --channel"):
        deconvolution(colours, **LENS)
    hole = np.ones((40, 40), np.float32)
    hole[3, 3] = np.nan
    with pytest.raises(InputError, match="holds NaN or infinity"):
        deconvolution(saved(tmp_path / "hole.ome.tif", hole, "YX", {}), **LENS)


@pytest.mark.real
def test_the_hollow_bars_are_found_again(data_root):
    folder = data_root / "deconv3d_bars"
    scan = deconvolution(folder / "data.tif", psf=folder / "kernel.tif", axes="ZYX")
    truth = np.asarray(read(folder / "actual.tif", axes="ZYX").data, np.float64)
    blurred = np.asarray(read(folder / "data.tif", axes="ZYX").data, np.float64)
    result = solved(scan, "rl", iterations=30).data

    def error(image):
        return np.linalg.norm(image * (image * truth).sum() / (image * image).sum() - truth) / np.linalg.norm(truth)

    assert error(result) < 0.93 * error(blurred)


def test_the_strength_of_noise_that_does_not_grow_with_the_light_is_told(tmp_path):
    y = 500 + np.random.default_rng(0).normal(0, 5, (64, 64))
    psf = saved(tmp_path / "psf.ome.tif", np.outer([1.0, 2.0, 1.0], [1.0, 2.0, 1.0]), "YX", {"Y": 0.1, "X": 0.1})
    scan = deconvolution(saved(tmp_path / "flat.ome.tif", y, "YX", {"Y": 0.1, "X": 0.1}), psf=psf)
    told = scan.notes[-1].removeprefix("Noise gaussian, standard deviation ").split(",")[0]
    assert float(told) == pytest.approx(5, rel=0.1)
