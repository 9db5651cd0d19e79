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


def test_bad_use_is_told_in_one_sentence(command, noisy):
    for given, said in (
        (["--draws", 1], "one has no mean and no spread"),
        (["--method", "noise2self"], "has no posterior"),
        (["--model", "m.zip", "--steps", 3], "--model and --steps exclude each other"),
        (["--budget", "1m", "--steps", 3], "--budget and --steps exclude each other"),
    ):
        ran = command("sample", noisy, *given)
        assert ran.code == 2
        assert said in ran.err
        assert ran.err.count("error:") == 1
