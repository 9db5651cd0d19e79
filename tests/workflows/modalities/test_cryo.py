import mrcfile
import numpy as np
import pytest
import torch

from pellucid._math.rotations import from_euler, to_euler, uniform_rotations
from pellucid.data.simulate.proteins import protein
from pellucid.errors import InputError
from pellucid.operators.ctf import ctf
from pellucid.workflows.modalities.cryo import cryo

SIZE, COUNT, PIXEL = 24, 200, 4.0
HEADER = """
data_optics

loop_
_rlnOpticsGroup #1
_rlnVoltage #2
_rlnSphericalAberration #3
_rlnAmplitudeContrast #4
_rlnImagePixelSize #5
1 300.0 2.7 0.1 4.0

data_particles

loop_
_rlnImageName #1
_rlnDefocusU #2
_rlnDefocusV #3
_rlnDefocusAngle #4
_rlnAngleRot #5
_rlnAngleTilt #6
_rlnAnglePsi #7
_rlnOriginXAngst #8
_rlnOriginYAngst #9
_rlnOpticsGroup #10
"""


@pytest.fixture
def simulated(rng):
    """Return a protein, rotations, shifts in pixels and plain projections."""
    blobs = protein(SIZE, rng)
    rotations = from_euler(to_euler(uniform_rotations(COUNT, rng, torch.float64))).float()
    shifts = torch.randn(COUNT, 2, generator=rng)
    return blobs, rotations, shifts, blobs.projections(SIZE, rotations[None], shifts[None])[0, 0]


def write(path, images):
    with mrcfile.new(path, overwrite=True) as file:
        file.set_data(np.asarray(images, np.float32))
        file.set_image_stack()
        file.voxel_size = PIXEL


@pytest.fixture
def particles(simulated, tmp_path, rng):
    """Write the projections through microscopes of many foci, with a STAR file."""
    _, rotations, shifts, plain = simulated
    u, v, axis = (low + span * torch.rand(COUNT, generator=rng) for low, span in ((0.9, 1), (0.9, 1), (0, 3)))
    transfer = ctf(
        SIZE, pixel_size_angstrom=PIXEL, defocus_um=(u + v) / 2, astigmatism_um=(u - v) / 2, astigmatism_angle=axis
    )
    write(tmp_path / "p.mrcs", torch.fft.irfft2(torch.fft.rfft2(plain) * transfer, s=(SIZE, SIZE)))
    angles = torch.rad2deg(to_euler(rotations.double()))
    lines = [
        f"{k + 1:06d}@p.mrcs {1e4 * u[k]} {1e4 * v[k]} {torch.rad2deg(axis[k])} {angles[k, 0]} {angles[k, 1]} "
        f"{angles[k, 2]} {-PIXEL * shifts[k, 1]} {-PIXEL * shifts[k, 0]} 1\n"
        for k in range(COUNT)
    ]
    path = tmp_path / "p.star"
    path.write_text(HEADER + "".join(lines))
    return path


def alike(x, truth):
    return float((x * truth).sum() / (x.norm() * truth.norm()))


def test_a_star_file_holds_all_that_a_reconstruction_needs(particles, simulated):
    pytest.importorskip("starfile", reason="starfile, of the extra em, reads STAR")
    scan = cryo(particles)
    truth = simulated[0].volume(SIZE)
    assert alike(scan.measurement.operator.backproject(scan.measurement.y), truth) > 0.98
    residual = scan.measurement.operator(truth) - scan.measurement.y
    assert residual.norm() < 0.05 * scan.measurement.y.norm()
    image = scan.image(truth)
    assert (image.axes, image.scale["Z"], image.units["X"], scan.suffix) == ("ZYX", PIXEL, "angstrom", ".mrc")


def test_dark_particles_are_inverted(particles):
    pytest.importorskip("starfile", reason="starfile, of the extra em, reads STAR")
    assert torch.equal(cryo(particles, invert=True).measurement.y, -cryo(particles).measurement.y)


def test_a_stack_with_poses_is_reconstructed(simulated, tmp_path):
    blobs, rotations, shifts, plain = simulated
    write(tmp_path / "p.mrcs", plain)
    np.savez(tmp_path / "poses.npz", rot=rotations.flip(1, 2).numpy(), trans=-shifts.flip(1).numpy() / SIZE)
    scan = cryo(tmp_path / "p.mrcs", poses=tmp_path / "poses.npz")
    assert alike(scan.measurement.operator.backproject(scan.measurement.y), blobs.volume(SIZE)) > 0.99
    assert scan.image(blobs.volume(SIZE)).scale == dict.fromkeys("ZYX", PIXEL)


@pytest.mark.filterwarnings("ignore:Data array contains NaN")
def test_what_is_missing_is_named(tmp_path):
    write(tmp_path / "p.mrcs", np.zeros((2, 8, 8)))
    with pytest.raises(InputError, match="holds no poses"):
        cryo(tmp_path / "p.mrcs")
    np.savez(tmp_path / "poses.npz", rot=np.stack([np.eye(3)] * 2))
    with pytest.raises(InputError, match="larger than 0"):
        cryo(tmp_path / "p.mrcs", poses=tmp_path / "poses.npz", pixel_size_angstrom=-1.0)
    write(tmp_path / "q.mrcs", np.zeros((2, 8, 9)))
    with pytest.raises(InputError, match="squares"):
        cryo(tmp_path / "q.mrcs")
    write(tmp_path / "r.mrcs", np.full((2, 8, 8), np.nan))
    with pytest.raises(InputError, match="finite"):
        cryo(tmp_path / "r.mrcs")


@pytest.mark.real
def test_the_toy_hand(data_root):
    """Its poses come from a search on a grid: a quarter of the images stays unexplained."""
    folder = data_root / "cryoem_toy_hand"
    scan = cryo(folder / "hand.mrcs", poses=folder / "hand_pose.npz")
    x = scan.measurement.operator.backproject(scan.measurement.y)
    residual = (scan.measurement.operator(x) - scan.measurement.y).norm() / scan.measurement.y.norm()
    assert residual < 0.3


@pytest.mark.real
def test_real_particles_with_poses_and_transfer_functions(data_root):
    pytest.importorskip("starfile", reason="starfile, of the extra em, reads STAR")
    folder = data_root / "cryoem_particles_small"
    with pytest.warns(UserWarning, match="lacks the MRC mark"):
        scan = cryo(folder / "relion31.star")
    assert scan.measurement.y.shape == (1, 1, 5, 256, 256)
    assert scan.measurement.operator.transfer[0, :, 0, 0].tolist() == pytest.approx([0.1] * 5)
    with pytest.raises(InputError, match="holds no poses"):
        cryo(folder / "empiar_10076_7.star")
