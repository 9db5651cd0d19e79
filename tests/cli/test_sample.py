import numpy as np


def test_draws_are_written_and_called_generated(command, noisy, tmp_path):
    small = [part for name in ("features=4", "code=2", "patch=32", "batch=2", "draws=2") for part in ("--set", name)]
    given = ["sample", noisy, "--draws", 2, "--map", "--steps", 2, *small, "--device", "cpu"]
    ran = command(*given)
    assert ran.code in (0, 3)
    assert "2: generated, not recorded" in ran.out
    folder = tmp_path / "cells_samples"
    assert len(list(folder.glob("*.ome.tif"))) == 4
    facts = command(*given, "--overwrite", "--json").facts
    assert facts["files"]["map"] == str(folder / "cells_map.ome.tif")
    assert facts["draws"] == 2


def test_draws_from_behind_a_blur_are_written(command, noisy, tmp_path):
    np.save(tmp_path / "psf.npy", np.outer(*[[0.2, 0.6, 0.2]] * 2).astype(np.float32))
    small = [part for name in ("features=4", "code=2", "draws=2") for part in ("--set", name)]
    given = ["sample", noisy, "--psf", tmp_path / "psf.npy", "--draws", 2, "--steps", 2, *small, "--device", "cpu"]
    ran = command(*given)
    assert ran.code in (0, 3)
    assert "PSF 3 x 3 from psf.npy" in ran.out
    assert "2: generated, not recorded" in ran.out
    facts = command(*given, "--overwrite", "--json").facts
    assert facts["files"]["draws"] == str(tmp_path / "cells_samples" / "cells_draws.ome.tif")
    assert facts["generated"] is True


def test_bad_use_is_told_in_one_sentence(command, noisy):
    for given, said in (
        (["--draws", 1], "one has no mean and no spread"),
        (["--method", "noise2self"], "has no posterior"),
        (["--model", "m.zip", "--steps", 3], "--model and --steps exclude each other"),
        (["--psf", "p.tif", "--dims", 3], "--psf and --dims exclude each other"),
        (["--psf", "p.tif"], "p.tif does not exist"),
        (["--budget", "1m", "--steps", 3], "--budget and --steps exclude each other"),
    ):
        ran = command("sample", noisy, *given)
        assert ran.code == 2
        assert said in ran.err
        assert ran.err.count("error:") == 1
