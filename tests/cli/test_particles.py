import os
import signal
import subprocess
import sys

import mrcfile
import numpy as np
import pytest
import torch

from pellucid._math.rotations import uniform_rotations
from pellucid.data.simulate.proteins import Protein

pytest.importorskip("starfile", reason="starfile, of the extra em, reads STAR")

SIZE = 12


def written(path, images):
    with mrcfile.new(path) as file:
        file.set_data(np.asarray(images, np.float32))
        file.set_image_stack()
        file.voxel_size = 6.0
    return path


@pytest.fixture
def stack(tmp_path, rng):
    """Return a stack of plain, noisy projections of two blobs."""
    blobs = Protein(torch.tensor([[0.0, 0.0, -2.0], [0.0, 1.0, 2.0]]), torch.full((2,), 1.2), torch.full((2,), 50.0))
    clean = blobs.projections(SIZE, uniform_rotations(24, rng)[:, None])[:, 0, 0]
    return written(tmp_path / "p.mrcs", clean / clean.std() + torch.randn(clean.shape, generator=rng))


def test_a_map_is_made_and_called_generated(command, stack, tmp_path):
    ran = command("particles", stack, "--steps", 3, "--symmetry", "c2", "--set", "features=4", "-o", tmp_path / "m.mrc")
    assert ran.code == 3, ran.err
    assert "cryogan: generated, no refinement" in ran.out
    assert "24 particles are too few" in ran.out
    assert str(tmp_path / "m.report.html") in ran.out
    with mrcfile.open(tmp_path / "m.mrc") as file:
        assert file.data.shape == (SIZE, SIZE, SIZE)
        assert file.voxel_size.x == 6.0


def test_poses_go_beside_the_stack(command, stack):
    ran = command("particles", stack, "--method", "spatial_vae", "--steps", 2, "--set", "features=8", "--json")
    assert ran.code == 3, ran.err
    assert ran.facts["output"] == str(stack.with_name("p_poses.star"))
    assert ran.facts["generated"] is True
    assert ran.facts["steps"] == 2


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--set", "depth=3"), "cryogan has no setting depth"),
        (("--symmetry", "X2"), "X2 is no point group"),
        (("--size", "64"), "64 is not"),
        (("--star", "gone.star"), "gone.star does not exist"),
        (("--budget", "5s", "--steps", "3"), "exclude each other"),
        (("--budget", "soon"), "soon is not"),
        (("--invert",), "darker than their surroundings"),
        (("--method", "w_gan"), "w_gan"),
    ],
)
def test_wrong_use_is_told_in_one_sentence_and_leaves_nothing(command, stack, arguments, reason):
    ran = command("particles", stack, *arguments)
    assert ran.code == 2
    assert reason in ran.err
    assert "Traceback" not in ran.err
    assert [entry.name for entry in stack.parent.iterdir()] == ["p.mrcs"]


def interrupted(*arguments):
    """Run the command, press Ctrl-C when it has read the stack, and return how it ended."""
    code = "from pellucid.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    ) as run:
        try:
            for line in run.stderr:
                if "particles of" in line:
                    run.send_signal(signal.SIGINT)
                    break
            _, err = run.communicate(timeout=60)
        finally:
            run.kill()
    return run.returncode, err


def test_ctrl_c_keeps_what_resume_makes_the_same_map_of(command, stack, tmp_path):
    run = ("particles", stack, "--steps", 40, "--set", "features=4")
    code, err = interrupted(*run, "-o", tmp_path / "stopped.mrc")
    assert code == 130
    assert "stopped.checkpoint keeps the state, and --resume goes on from it" in err
    assert "Traceback" not in err
    assert command(*run, "-o", tmp_path / "stopped.mrc", "--resume").code == 3
    assert command(*run, "-o", tmp_path / "whole.mrc").code == 3
    with mrcfile.open(tmp_path / "stopped.mrc") as stopped, mrcfile.open(tmp_path / "whole.mrc") as whole:
        assert np.array_equal(stopped.data, whole.data)
