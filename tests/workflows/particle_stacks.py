"""A simulated stack of particles with its STAR file and its truth, small enough to train on in a test."""

from pathlib import Path

import mrcfile
import numpy as np
import torch

from pellucid._math.rotations import uniform_rotations
from pellucid.data.simulate.proteins import Protein
from pellucid.operators.ctf import ctf

SIZE, PIXEL = 16, 5.0
HEADER = """
data_optics

loop_
_rlnOpticsGroup #1
_rlnVoltage #2
_rlnSphericalAberration #3
_rlnAmplitudeContrast #4
_rlnImagePixelSize #5
1 300.0 2.7 0.1 5.0

data_particles

loop_
_rlnImageName #1
_rlnDefocusU #2
_rlnDefocusV #3
_rlnDefocusAngle #4
_rlnOpticsGroup #5
"""


def molecule() -> Protein:
    """Return three blobs on a bend."""
    centres = torch.tensor([[0.0, 0.0, -2.5], [0.0, 0.0, 0.0], [0.0, 2.5, 1.0]])
    return Protein(centres, torch.full((3,), 1.2), torch.tensor([40.0, 60.0, 50.0]))


def simulated(folder: Path, *, count: int = 32, plain: bool = False, seed: int = 0) -> Path:
    """Write p.mrcs, p.star and truth.mrc, and return where the stack is.

    Parameters
    ----------
    plain
        Without contrast transfer functions.
    """
    rng = torch.Generator().manual_seed(seed)
    clean = molecule().projections(SIZE, uniform_rotations(count, rng)[:, None])[:, 0, 0]
    foci = 1.0 + torch.rand(count, generator=rng)
    if not plain:
        transfer = ctf(SIZE, pixel_size_angstrom=PIXEL, defocus_um=foci)
        clean = torch.fft.irfft2(torch.fft.rfft2(clean) * transfer, s=(SIZE, SIZE))
    images = 7 + 3 * (clean / clean.std() + torch.randn(clean.shape, generator=rng))
    write(folder / "p.mrcs", images)
    write(folder / "truth.mrc", molecule().volume(SIZE)[0, 0], stack=False)
    lines = [f"{k:06d}@p.mrcs {1e4 * f:.2f} {1e4 * f:.2f} 0.0 1\n" for k, f in enumerate(foci.tolist(), 1)]
    (folder / "p.star").write_text(HEADER + "".join(lines))
    return folder / "p.mrcs"


def write(path: Path, numbers: object, *, stack: bool = True) -> Path:
    """Write an MRC with the voxel size of the simulation."""
    with mrcfile.new(path, overwrite=True) as file:
        file.set_data(np.asarray(numbers, np.float32))
        if stack:
            file.set_image_stack()
        file.voxel_size = PIXEL
    return path
