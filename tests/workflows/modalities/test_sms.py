import math

import numpy as np
import pytest
import torch

from pellucid._math.fft import fft
from pellucid.data.io import read, write
from pellucid.data.simulate.coils import birdcage_coils
from pellucid.errors import InputError
from pellucid.operators.sms import NonCartesianMultiSlice, SimultaneousMultiSlice, caipi_phases
from pellucid.operators.trajectories import radial_trajectory
from pellucid.solvers.conjugate_gradient import conjugate_gradient
from pellucid.workflows.modalities.sms import sms
from pellucid.workflows.reconstruct import reconstruct

SIZE, COILS = 32, 8
HADAMARD = torch.tensor([[1.0, 1.0], [1.0, -1.0]])


@pytest.fixture
def scene(rng):
    """Return two slices of blobs in a disc, and coil maps of two rings, (1, slice, coil, row, column)."""
    axis = (torch.arange(SIZE) - SIZE // 2) / SIZE
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    centres = torch.rand(2, 5, 2, generator=rng) * 0.5 - 0.25
    spots = torch.stack([sum(torch.exp(-((x - a) ** 2 + (y - b) ** 2) / 0.01) for a, b in c) for c in centres])
    images = torch.sigmoid(40 * (0.36 - torch.hypot(x, y))) * (0.5 + spots)
    maps = birdcage_coils(COILS, (5, SIZE, SIZE), rings=2)[0, :, 1:4:2].movedim(1, 0)
    return images[None].to(torch.complex64), maps[None]


def save(path, y):
    np.save(path, y.numpy())
    return path


def single_band(scene):
    return fft(scene[0][0, :, None] * scene[1][0], 2)


def assert_separated(scan, scene, within=0.1):
    operator = scan.measurement.operator
    x = conjugate_gradient(operator.normal, operator.adjoint(scan.measurement.y), iterations=40, tolerance=1e-5)
    image, truth = scan.image(x), scene[0][0].real.numpy()
    assert (image.axes, image.shape) == ("ZYX", truth.shape)
    error = np.linalg.norm(image.data - truth, axis=(1, 2)) / np.linalg.norm(truth, axis=(1, 2))
    assert error.max() < within, error


def test_slices_with_caipi_shifts_and_left_out_lines_are_separated(tmp_path, scene):
    mask = (torch.arange(SIZE) % 2 == 0)[None, None, :, None]
    operator = SimultaneousMultiSlice(scene[1], phases=caipi_phases(torch.tensor([0.0, 0.5]), SIZE), mask=mask)
    path = save(tmp_path / "mb.npy", operator(scene[0])[0])
    parts = [save(tmp_path / f"{k}.npy", single_band(scene)[k]) for k in range(2)]
    files = f"{parts[0]}, {parts[1]}"
    scan = sms(path, single_band=files, caipi="0,0.5", pixel_mm=2.0)
    assert_separated(scan, scene)
    assert scan.notes[0] == "2 slices at once, 8 coils, 1 frame of 32 x 32."
    assert scan.image(scene[0]).scale == {"Y": 2.0, "X": 2.0}
    one = save(tmp_path / "both.npy", single_band(scene))
    assert torch.equal(sms(path, single_band=str(one), caipi="0,0.5").measurement.y, scan.measurement.y)
    assert sms(path, single_band=files, virtual_coils=6).measurement.y.shape[1] == 6


def test_an_encoding_gives_its_own_coil_maps(tmp_path, scene):
    for kind in ("hadamard", "fourier"):
        operator = SimultaneousMultiSlice(scene[1], encoding=HADAMARD)
        path = save(tmp_path / "mb.npy", operator(scene[0])[0].movedim(1, 0))
        assert_separated(sms(path, encoding=kind), scene, 0.05)


def test_frames_are_the_batch(tmp_path, scene):
    y = SimultaneousMultiSlice(scene[1])(torch.cat([scene[0], 2 * scene[0]]))
    single = save(tmp_path / "s.npy", single_band(scene))
    scan = sms(save(tmp_path / "mb.npy", y), single_band=str(single), pixel_mm=3.0, repetition_s=1.5)
    assert scan.measurement.y.shape == (2, COILS, SIZE, SIZE)
    image = scan.image(torch.cat([scene[0], 2 * scene[0]]))
    assert (image.axes, image.shape) == ("TZYX", (2, 2, SIZE, SIZE))
    written = read(write(tmp_path / "series.nii.gz", image))
    assert (written.axes, written.shape) == ("TZYX", image.shape)
    assert (written.scale["T"], written.units["T"], written.scale["X"]) == (1.5, "second", 3.0)


def test_a_series_is_pulled_apart_by_kernels_from_the_single_band_scans(tmp_path, scene):
    """With every second line left out, through the command's way to a method."""
    mask = (torch.arange(SIZE) % 2 == 0)[None, None, :, None]
    operator = SimultaneousMultiSlice(scene[1], phases=caipi_phases(torch.tensor([0.0, 0.5]), SIZE), mask=mask)
    path = save(tmp_path / "mb.npy", operator(torch.cat([scene[0], 2 * scene[0]])))
    single = str(save(tmp_path / "s.npy", single_band(scene)))
    settings = {"method": "split_slice_grappa", "settings": {"tikhonov": "1e-4"}}
    geometry = {"single_band": single, "caipi": "0,0.5"}
    known = {"MultibandAccelerationFactor": 2, "ParallelReductionFactorInPlane": 2}
    assert sms(path, **geometry).sidecar == known
    assert sms(path, **geometry, repetition_s=1.5).sidecar == known | {"RepetitionTime": 1.5}
    found = reconstruct(path, modality="sms", **settings, **geometry).image
    truth = scene[0][0].real.numpy()
    for frame, factor in zip(found, (1, 2), strict=True):
        assert np.linalg.norm(frame - factor * truth) < 0.15 * factor * np.linalg.norm(truth)


def test_a_network_learns_from_the_series_itself(tmp_path, scene, rng):
    operator = SimultaneousMultiSlice(scene[1], phases=caipi_phases(torch.tensor([0.0, 0.5]), SIZE))
    y = operator(torch.cat([scene[0], scene[0]]))
    path = save(tmp_path / "mb.npy", y + 0.05 * torch.randn(y.shape, dtype=y.dtype, generator=rng))
    single = str(save(tmp_path / "s.npy", single_band(scene)))
    given = {"modality": "sms", "single_band": single, "caipi": "0,0.5"}
    found = reconstruct(path, method="multi_mask_ssdu", settings={"preset": "lite"}, steps=2, **given)
    assert found.image.shape == (2, 2, SIZE, SIZE)
    assert found.summary["method"] == "multi_mask_ssdu"


@pytest.mark.parametrize("alone", [True, False])
def test_turned_spokes_with_delays_are_separated(tmp_path, scene, alone):
    count, delays = 37, (-0.6, -0.7, 0.05)
    angles = 2 * math.pi * torch.arange(count) / count
    points = [radial_trajectory(2 * SIZE, angles + k * math.pi / (2 * count), delays=delays) for k in range(2)]
    y = NonCartesianMultiSlice(scene[1], torch.cat(points), encoding=HADAMARD)(scene[0])[0].movedim(1, 0)
    path = save(tmp_path / "mb.npy", y.unflatten(2, (count, 2 * SIZE)))
    references = None
    if alone:
        apart = [NonCartesianMultiSlice(scene[1][:, k : k + 1], points[0])(scene[0][:, k : k + 1]) for k in range(2)]
        references = torch.cat(apart)[:, :, 0].unflatten(2, (count, 2 * SIZE))
        references = str(save(tmp_path / "s.npy", references))
    geometry = {"encoding": "hadamard", "trajectory": "radial", "turned": True, "delays": "-0.6,-0.7,0.05"}
    scan = sms(path, single_band=references, **geometry)
    assert_separated(scan, scene, 0.12)
    assert scan.notes[0] == "2 slices at once, 8 coils, 2 shots of 37 spokes of 64 samples."


def test_what_does_not_fit_is_refused(tmp_path, scene):
    single = single_band(scene)
    path, both = save(tmp_path / "mb.npy", single.sum(0)), save(tmp_path / "s.npy", single)
    cases = [
        ({}, "measured together are not known: give scans of each slice alone with --single-band"),
        ({"single_band": str(both), "multiband": 3}, "gives 2 slices, and --multiband says 3"),
        ({"single_band": str(save(tmp_path / "c.npy", single[:, :5]))}, r"have the shapes \(5, 32, 32\)"),
        ({"single_band": str(both), "caipi": "0,0.3,0.6"}, "--caipi takes 2 numbers"),
        ({"single_band": str(both), "trajectory": "radial", "delays": "few"}, "--delays takes 3 numbers"),
        ({"encoding": "hadamard", "multiband": 3}, "Hadamard encoding needs 2, 4, 8"),
        ({"encoding": "fourier", "multiband": 3}, "holds 1 shots, and the encoding of 3 slices has 3"),
        ({"multiband": 0}, "--multiband is the number of slices"),
        ({"single_band": "nowhere.npy"}, "nowhere.npy does not exist"),
    ]
    for given, sentence in cases:
        with pytest.raises(InputError, match=sentence):
            sms(path, **given)
    with pytest.raises(InputError, match="zero everywhere"):
        sms(save(tmp_path / "zero.npy", 0 * single[0]), single_band=str(both))


@pytest.mark.real
def test_the_slices_of_a_real_radial_scan_are_those_measured_alone(data_root):
    """The maps and the image come from the multiband scan alone; each slice is compared with its single-band scan."""
    name = "mri_sms_radial/Supporting_Figure_S1_kMB{}_SP29.cfl"
    geometry = {"trajectory": "radial", "delays": "-0.614225,-0.651670,-0.000881", "virtual_coils": 8}
    scan = sms(data_root / name.format("2_turn"), encoding="hadamard", turned=True, **geometry)
    operator, y = scan.measurement.operator, scan.measurement.y
    both = scan.image(conjugate_gradient(operator.normal, operator.adjoint(y), iterations=8)).data
    alone = []
    for part in ("1_top", "1_bottom"):
        path = data_root / name.format(part)
        one = sms(path, multiband=1, single_band=str(path), **geometry)
        h = one.measurement.operator
        x = conjugate_gradient(h.normal, h.adjoint(one.measurement.y), iterations=8)
        alone.append(one.image(x).data[0])
    agreement = [[np.corrcoef(a.ravel(), b.ravel())[0, 1] for b in alone] for a in both]
    assert min(agreement[0][0], agreement[1][1]) > 0.95
    assert max(agreement[0][1], agreement[1][0]) < 0.85
