import h5py
import numpy as np
import pytest
import torch

from pellucid._math.fft import fft
from pellucid.data.kspace import KSpace
from pellucid.data.simulate.coils import birdcage_coils
from pellucid.errors import InputError
from pellucid.solvers.conjugate_gradient import conjugate_gradient
from pellucid.workflows.modalities.mri import mri

XML = """<h xmlns="http://www.ismrm.org/ISMRMRD"><encoding>
<encodedSpace><matrixSize><x>80</x><y>36</y><z>1</z></matrixSize>
<fieldOfView_mm><x>160</x><y>72</y><z>4</z></fieldOfView_mm></encodedSpace>
<reconSpace><matrixSize><x>40</x><y>36</y><z>1</z></matrixSize>
<fieldOfView_mm><x>80</x><y>72</y><z>4</z></fieldOfView_mm></reconSpace></encoding></h>"""


@pytest.fixture
def scene(phantom_2d):
    """Return an object of 80 x 36 pixels in the middle forty rows, and its k-space in six coils."""
    truth = torch.zeros(80, 36)
    truth[20:60] = phantom_2d[0, 0, 12:52, 14:50] - 0.1
    truth[20:60] *= torch.hann_window(36)
    return truth, fft(truth * birdcage_coils(6, (80, 36)), 2)


def solve(scan):
    operator = scan.measurement.operator
    return conjugate_gradient(operator.normal, operator.adjoint(scan.measurement.y), iterations=40, tolerance=1e-6)


def test_a_full_scan_gives_the_object_back(tmp_path, scene):
    truth, y = scene
    np.save(tmp_path / "a.npy", y[0].numpy())
    scan = mri(tmp_path / "a.npy", pixel_mm=2.0)
    image = scan.image(solve(scan))
    assert (image.axes, image.scale, image.units) == ("YX", {"Y": 2.0, "X": 2.0}, dict.fromkeys("YX", "millimeter"))
    bright = truth > 0.2
    assert np.allclose(image.data[bright], truth[bright], rtol=0.05)
    assert (scan.method, scan.suffix, scan.quantity) == ("cg", ".nii.gz", "magnitude")
    assert scan.notes[0] == "K-space of 1 slice, 6 coils, 80 x 36: 100.0 % of the samples were measured."
    assert scan.notes[1] == "Coil maps by ESPIRiT from the fully sampled centre, 24 x 24."


@pytest.mark.parametrize("step", [0, -2])
def test_one_line_in_none_is_refused(tmp_path, scene, step):
    np.save(tmp_path / "a.npy", scene[1][0].numpy())
    with pytest.raises(InputError, match=f"one line in so many, 1 or more; {step} is not"):
        mri(tmp_path / "a.npy", undersample=step)


@pytest.mark.parametrize("readout", ["rows", "columns"])
def test_lines_are_left_out_across_the_readout(tmp_path, scene, readout):
    np.save(tmp_path / "a.npy", scene[1][0].numpy())
    scan = mri(tmp_path / "a.npy", undersample=3, calibration_width=12, readout=readout)
    mask = scan.measurement.operator.mask[0, 0]
    lines = mask.all(0) if readout == "rows" else mask.all(1)
    assert torch.equal(mask.bool(), (lines if readout == "rows" else lines[:, None]).expand(80, 36))
    middle = len(lines) // 2
    assert bool(lines[middle - 6 : middle + 6].all())
    assert bool(lines[middle % 3 :: 3].all())
    assert int(lines.sum()) == len(range(middle % 3, len(lines), 3)) + 8
    assert scan.method == "wavelet"
    error = scan.image(solve(scan)).data - scene[0].numpy()
    assert np.linalg.norm(error) < 0.15 * np.linalg.norm(scene[0])


def test_oversampling_is_cut_after_the_coil_maps_are_found(tmp_path, scene):
    """The cut scan is the same least-squares problem on half of the pixels."""
    truth, y = scene
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["kspace"], file["ismrmrd_header"], file["mask"] = y.numpy(), XML, np.arange(36) % 2 == 0
        file["mask"][12:24] = True
    scan = mri(tmp_path / "a.h5", calibration_width=12)
    assert scan.measurement.y.shape == (1, 6, 40, 36)
    image = scan.image(solve(scan))
    assert image.shape == (40, 36)
    assert image.scale == {"Y": 2.0, "X": 2.0}
    whole = mri(tmp_path / "a.h5", calibration_width=12, readout="columns")  # not complete along columns: cut at last
    assert whole.measurement.y.shape == (1, 6, 80, 36)
    assert whole.image(solve(whole)).data == pytest.approx(image.data, abs=5e-3 * float(image.data.max()))
    assert np.linalg.norm(image.data - truth[20:60].numpy()) < 0.15 * np.linalg.norm(truth)


@pytest.mark.parametrize("scale", [1e-10, 1e6])
def test_the_image_is_in_the_units_of_the_data(tmp_path, scene, scale):
    np.save(tmp_path / "a.npy", (scale * scene[1][0]).numpy())
    scan = mri(tmp_path / "a.npy")
    assert scan.image(solve(scan)).data.max() == pytest.approx(scale * float(scene[0].max()), rel=0.05)


def test_coil_maps_can_be_given(tmp_path, scene):
    truth, y = scene
    np.save(tmp_path / "a.npy", y[0].numpy())
    with h5py.File(tmp_path / "maps.h5", "w") as file:
        file["s"] = birdcage_coils(6, (80, 36))[0].numpy()
    scan = mri(tmp_path / "a.npy", coil_maps=tmp_path / "maps.h5", maps_dataset="s", undersample=2, calibration_width=0)
    assert scan.notes[1] == "The coil maps are those of maps.h5."
    assert np.allclose(scan.image(solve(scan)).data, truth, atol=2e-3)
    np.save(tmp_path / "b.npy", y[0, :5].numpy())
    with pytest.raises(InputError, match=r"maps of 5 coils on 80 x 36 pixels .* k-space has 6 coils"):
        mri(tmp_path / "a.npy", coil_maps=tmp_path / "b.npy")


def test_coil_maps_of_another_size_are_divided_by_it_and_doubted(tmp_path, scene):
    np.save(tmp_path / "a.npy", scene[1][0].numpy())
    maps = birdcage_coils(6, (80, 36))[0].numpy()
    for name, factor in (("unit", 1.02), ("odd", np.linspace(0.5, 2, 36, dtype=np.float32))):
        np.save(tmp_path / f"{name}.npy", factor * maps)
    unit, odd = (mri(tmp_path / "a.npy", coil_maps=tmp_path / f"{name}.npy") for name in ("unit", "odd"))
    assert unit.warnings == ()
    assert odd.warnings[0].startswith("The root sum of squares of the coil maps is not one but 0.543 to 1.96 where")
    assert np.allclose(odd.image(solve(odd)).data, scene[0], atol=2e-3)


def test_coils_are_compressed(tmp_path, scene):
    truth, y = scene
    np.save(tmp_path / "a.npy", y[0].numpy())
    scan = mri(tmp_path / "a.npy", virtual_coils=4)
    assert scan.measurement.y.shape == (1, 4, 80, 36)
    assert scan.notes[1] == "6 coils are compressed to 4."
    assert np.allclose(scan.image(solve(scan)).data[truth > 0.2], truth[truth > 0.2], rtol=0.1)


def test_a_noise_scan_whitens_the_coils(tmp_path, scene, monkeypatch, rng):
    noise = torch.randn(6, 4000, dtype=torch.complex64, generator=rng)
    noise[1] += noise[0]
    read = KSpace(data=scene[1].numpy(), sampled=np.ones((1, 80, 36), bool), noise=5 * noise.numpy())
    monkeypatch.setattr("pellucid.workflows.modalities.mri.kspace.read", lambda *_, **__: read)
    scan = mri(tmp_path / "a.h5")
    assert "in units of its standard deviation" in scan.notes[1]
    y = scan.measurement.y[0].flatten(1)
    assert torch.linalg.lstsq(scene[1][0].flatten(1).mT, y.mT).solution[0, 0].abs().item() == pytest.approx(
        0.2, rel=0.1
    )


def test_slices_are_the_batch(tmp_path, scene):
    y = torch.cat([scene[1], 2 * scene[1]])
    np.save(tmp_path / "a.npy", y.numpy())
    image = mri(tmp_path / "a.npy", calibration="low_resolution").image(torch.ones(2, 1, 80, 36, dtype=torch.complex64))
    assert (image.axes, image.shape) == ("ZYX", (2, 80, 36))
    assert mri(tmp_path / "a.npy", slice_index=1).measurement.y.shape == (1, 6, 80, 36)


def test_kspace_without_a_centre_is_refused(tmp_path, scene):
    y = scene[1][0].numpy().copy()
    y[:, ::2] = 0
    np.save(tmp_path / "a.npy", y)
    with pytest.raises(InputError, match="fully sampled centre"):
        mri(tmp_path / "a.npy")


REAL = {
    "mri_ksp_brain8ch/cartesian_ksp.npy": {},
    "formats_mri/phantom8ch_fastmri.h5": {},
    "formats_mri/phantom8ch_ismrmrd.h5": {},
    "formats_mri/phantom8ch.cfl": {},
    "mri_ksp_phantom8ch/phantom8ch.h5": {"dataset": "ycart"},
}


@pytest.mark.real
@pytest.mark.parametrize("name", REAL)
def test_real_scans_are_explained_by_their_coil_maps(data_root, name):
    scan = mri(data_root / name, slice_index=0, **REAL[name])
    residual = scan.measurement.operator(solve(scan)) - scan.measurement.y
    assert residual.norm() < 0.1 * scan.measurement.y.norm()
