import math

import pytest
import torch

from pellucid.errors import InputError
from pellucid.operators.diffraction import DiffractionTomography, Optics
from pellucid.testing import assert_adjoint

ANGLES = torch.linspace(0, 2 * math.pi, 6, dtype=torch.float64)[:-1]
TILTED = torch.tensor([[math.cos(t), math.sin(t) * 0.6, -math.sin(t) * 0.8] for t in (0.0, 0.4, 0.7)]).double()


def gaussian(space, centre, width):
    """Return a blob, its centre counted from the middle of the volume."""
    axes = [torch.arange(n, dtype=torch.float64) - (n - 1) / 2 - c for n, c in zip(space, centre, strict=True)]
    z, y, x = torch.meshgrid(*axes, indexing="ij")
    return torch.exp(-(z**2 + y**2 + x**2) / (2 * width**2)).to(torch.complex128)[None, None]


def green(f, rotation, direction, optics, detector):
    """Return u_s / u_0 by summing the spherical waves that leave every voxel."""
    axes = [torch.arange(n, dtype=torch.float64) - (n - 1) / 2 for n in f.shape[2:]]
    source = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).flatten(0, 2) @ rotation.T
    axes = [torch.arange(n, dtype=torch.float64) - (n - 1) / 2 for n in detector]
    row, column = (a.flatten() for a in torch.meshgrid(*axes, indexing="ij"))
    at = torch.stack([torch.full_like(row, optics.distance), row, column], -1)
    k = 1j * optics.sign * optics.wavenumber
    r = torch.cdist(at, source)
    scattered = (torch.exp(k * r) / (4 * math.pi * r)) @ (f.flatten() * torch.exp(k * (source @ direction)))
    return (scattered / torch.exp(k * (at @ direction))).unflatten(0, detector)


@pytest.mark.parametrize("sign", [1, -1])
def test_fields_are_those_of_spherical_waves(sign):
    optics = Optics(wavenumber=1.3, distance=11.0, sign=sign)
    f = gaussian((14, 15, 13), (0.7, -0.5, 1.2), 2.2) * (1 + 0.3j)
    detector = (48, 47)
    turned = DiffractionTomography.turning(ANGLES[1:3], optics, space=(14, 15, 13), detector=detector)
    tilted = DiffractionTomography.illuminated(TILTED[:2], optics, space=(14, 15, 13), detector=detector)
    x_turned = DiffractionTomography.turning(ANGLES[1:3], optics, space=(14, 15, 13), detector=detector, axis="X")
    about_y = [
        torch.tensor([[c, 0, -s], [0, 1, 0], [s, 0, c]]) for c, s in zip(ANGLES.cos(), ANGLES.sin(), strict=True)
    ]
    about_x = [
        torch.tensor([[c, s, 0], [-s, c, 0], [0, 0, 1]]) for c, s in zip(ANGLES.cos(), ANGLES.sin(), strict=True)
    ]
    along_z = torch.eye(3, dtype=torch.float64)[0]
    cases = [
        (turned, 1, about_y[2].double(), along_z),
        (x_turned, 0, about_x[1].double(), along_z),
        (tilted, 1, torch.eye(3).double(), TILTED[1]),
    ]
    for operator, view, rotation, direction in cases:
        expected = green(f, rotation, direction, optics, detector)
        error = (operator(f)[0, 0, view] - expected)[8:-8, 8:-8].abs().max() / expected.abs().max()
        assert error < 0.02, f"off by {error:.3f}"


def operators():
    rotations = torch.linalg.qr(torch.randn(2, 3, 3, 3, generator=torch.Generator().manual_seed(1)).double())[0]
    optics = Optics(wavenumber=1.2, distance=2.5, centre=(3.0, 4.5))
    space, along_z = (7, 8, 9), torch.eye(3).double()[:1].expand(3, 3)
    yield DiffractionTomography.turning(ANGLES, optics, space=space)
    yield DiffractionTomography.turning(ANGLES, Optics(wavenumber=1.2, sign=-1), space=space, axis="X")
    yield DiffractionTomography.illuminated(TILTED, optics, space=space, detector=(10, 11))
    yield DiffractionTomography(rotations, along_z, optics, space=space)


@pytest.mark.parametrize("operator", list(operators()))
def test_keeps_the_contract(operator):
    assert_adjoint(operator, (2, 1, 7, 8, 9), torch.Generator().manual_seed(0))


def test_other_sign_is_the_conjugate():
    f = gaussian((8, 9, 10), (1, 0, -1), 2.0) * (1 + 0.5j)
    plus, minus = (
        DiffractionTomography.turning(ANGLES, Optics(wavenumber=1.2, distance=3.0, sign=s), space=(8, 9, 10))
        for s in (1, -1)
    )
    torch.testing.assert_close(minus(f), plus(f.conj()).conj())


def test_a_thin_object_delays_the_phase_by_its_optical_path():
    k, delta = 1.2, 0.01
    f = torch.full((1, 1, 4, 16, 16), k**2 * 2 * delta, dtype=torch.complex128)
    field = DiffractionTomography.turning(ANGLES[:1], Optics(wavenumber=k), space=(4, 16, 16))(f)
    torch.testing.assert_close(field, torch.full_like(field, 1j * k * 4 * delta))


def test_backprojection_finds_the_object_better_than_odtbrain():
    odtbrain = pytest.importorskip("odtbrain", reason="the oracle of diffraction tomography is not installed")
    angles = torch.linspace(0, 2 * math.pi, 65, dtype=torch.float64)[:-1]
    f = 0.01 * gaussian((32, 32, 32), (2.0, -3.0, 4.0), 3.0)
    index, wavelength = 1.33, 7.0
    optics = Optics(wavenumber=2 * math.pi * index / wavelength)
    operator = DiffractionTomography.turning(angles, optics, space=(32, 32, 32))
    fields = operator(f)[0, 0].numpy()
    theirs = torch.from_numpy(odtbrain.backpropagate_3d(fields, angles.numpy(), wavelength, index, num_cores=1))
    ours = operator.backproject(operator(f))[0, 0]
    error, theirs_error = ((image - f[0, 0]).norm() / f.norm() for image in (ours, theirs))
    assert error < 0.12 < theirs_error < 0.2  # what no turn about Y shows, the apple core, is most of it
    assert ours.real.max() / f.real.max() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"wavenumber": 3.5}, "smaller pixels"),
        ({"wavenumber": -1.0}, "positive wavenumber"),
        ({"wavenumber": 1.2, "aperture": 1.4}, "between 0 and 1"),
    ],
)
def test_optics_that_cannot_be_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        DiffractionTomography.turning(ANGLES, Optics(**change), space=(8, 8, 8))


def test_views_must_fit_and_light_must_arrive():
    along_z = torch.eye(3)[:1].expand(3, 3)
    with pytest.raises(InputError, match="one of each"):
        DiffractionTomography(torch.eye(3).expand(1, 4, 3, 3), along_z, Optics(wavenumber=1.2), space=(8, 8, 8))
    with pytest.raises(InputError, match="unit vectors"):
        DiffractionTomography.illuminated(2 * TILTED, Optics(wavenumber=1.2), space=(8, 8, 8))
    sideways, optics = torch.tensor([[1e-9, 1.0, 0.0]]), Optics(wavenumber=20.0, aperture=0.1)
    with pytest.raises(InputError, match="No scattered wave"):
        DiffractionTomography.illuminated(sideways, optics, space=(8, 8, 8))


@pytest.mark.parametrize(("axis", "deep"), [("Y", 1.0), ("X", 1.5)])
def test_voxels_lie_before_their_pixels_wherever_the_axis_falls(axis, deep):
    f, turns = gaussian((20, 20, 20), (1.0, -2.0, 3.0), 2.0), {"space": (20, 20, 20), "axis": axis}
    whole = DiffractionTomography.turning(ANGLES[:2], Optics(wavenumber=1.2), **turns)(f)[0, 0]
    optics = Optics(wavenumber=1.2, centre=(11.0, 10.5), distance=-deep)  # in focus is the middle plane, as before
    shifted = DiffractionTomography.turning(ANGLES[:2], optics, **turns)(f)[0, 0]
    torch.testing.assert_close(shifted[0], whole[0])
    assert (shifted[1] - whole[1]).abs().max() > 0.1 * whole[1].abs().max()
