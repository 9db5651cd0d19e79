import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from pellucid.cli.denoise import described, restored
from pellucid.workflows.model import Model

FAST = ("--method", "noise2void", "--set", "features=4", "--set", "depth=1", "--set", "patch=16")
KEYS = {"input", "output", "report", "method", "why", "seconds", "steps", "risk", "risk_se", "candidates", "noise"}
KEYS |= {"verdict", "warnings"}


@pytest.fixture(scope="module")
def model(tmp_path_factory, nuclei):
    """Train a model of a few steps, once."""
    from pellucid.cli import main

    folder = tmp_path_factory.mktemp("model")
    tifffile.imwrite(folder / "cells.tif", nuclei[0])
    with pytest.raises(SystemExit) as left:
        main(["train", str(folder / "cells.tif"), *FAST, "--steps", "3", "-o", str(folder / "model.pellucid")])
    assert not left.value.code
    return folder / "model.pellucid"


def test_json_says_what_was_done(command, noisy, nuclei):
    ran = command("denoise", noisy, *FAST, "--steps", 3, "--json")
    facts = ran.facts
    assert set(facts) >= KEYS
    assert (facts["method"], facts["steps"]) == ("noise2void", 3)
    assert set(facts["noise"]) >= {"model", "gain", "offset", "sigma", "lag1_y", "lag1_x"}
    assert ran.code == (0 if facts["verdict"] == "green" else 3)
    restored = tifffile.imread(facts["output"])
    assert restored.shape == nuclei[0].shape
    assert restored.dtype == np.float32
    assert "<html" in Path(facts["report"]).read_text("utf-8")


def test_people_are_told_the_same(command, noisy):
    ran = command("denoise", noisy, "--method", "non_local_means")
    assert ran.code in (0, 3)
    assert "cells_denoised.ome.tif" in ran.out
    assert "non_local_means" in ran.out
    assert "verdict" in ran.out


def test_several_inputs_are_a_list(command, noisy, second, tmp_path):
    ran = command("denoise", noisy, second, "--method", "non_local_means", "-o", tmp_path / "out", "--json")
    assert len(ran.facts["results"]) == 2
    assert {p.name for p in (tmp_path / "out").glob("*.tif")} == {
        "cells_denoised.ome.tif",
        "again_denoised.ome.tif",
    }


def test_pairs(command, noisy, second):
    ran = command("denoise", noisy, "--pairs", second, "--method", "noise2noise", *FAST[2:], "--steps", 3, "--json")
    assert ran.code in (0, 3), ran.err
    assert ran.facts["method"] == "noise2noise"


def test_dry_run_writes_nothing(command, noisy, tmp_path):
    before = set(tmp_path.iterdir())
    ran = command("denoise", noisy, "--dry-run", "--json")
    assert ran.code == 0, ran.err
    assert ran.facts["why"].startswith("A dry run: Read cells.tif as YX (64, 64)")
    assert set(tmp_path.iterdir()) == before


def test_output_of_the_type_of_the_input(command, noisy):
    ran = command("denoise", noisy, "--method", "non_local_means", "--dtype", "input", "--json")
    assert tifffile.imread(ran.facts["output"]).dtype == np.uint16


def test_steps_repeat_to_the_bit(command, noisy, tmp_path):
    images = []
    for name in ("a", "b"):
        ran = command("denoise", noisy, *FAST, "--steps", 3, "-o", tmp_path / f"{name}.ome.tif", "--json")
        images.append(tifffile.imread(ran.facts["output"]))
    np.testing.assert_array_equal(*images)


def test_a_model_restores_as_it_did_where_it_was_made(command, noisy, tmp_path):
    saved = tmp_path / "m.pellucid"
    first = command("denoise", noisy, *FAST, "--steps", 3, "--save-model", saved, "--json").facts
    again = command("apply", saved, noisy, "-o", tmp_path / "again.ome.tif", "--json").facts
    third = command("denoise", noisy, "--model", saved, "-o", tmp_path / "third.ome.tif", "--json").facts
    image = tifffile.imread(first["output"])
    np.testing.assert_array_equal(image, tifffile.imread(again["output"]))
    np.testing.assert_array_equal(image, tifffile.imread(third["output"]))


def test_a_model_takes_other_images(command, model, second):
    ran = command("apply", model, second, "--json")
    assert ran.code in (0, 3), ran.err
    assert tifffile.imread(ran.facts["output"]).shape == (64, 64)


SUMMARY = {
    "input": "a.tif",
    "output": "b.tif",
    "method": "noise2self",
    "why": "It has the least risk.",
    "risk": 12.345,
    "risk_se": 0.123,
    "verdict": "green",
    "sentence": "Nothing was found against it.",
    "report": "b.html",
    "warnings": ["Some pixels were clipped."],
}


def test_summary_reads_well():
    assert described(SUMMARY).splitlines() == [
        "a.tif -> b.tif",
        "  method         noise2self. It has the least risk.",
        "  held-out risk  12.35 ± 0.12",
        "  verdict        GREEN. Nothing was found against it.",
        "  report         b.html",
        "  warning        Some pixels were clipped.",
    ]


def test_summary_tells_every_channel():
    channels = {key: [SUMMARY[key]] * 2 for key in ("method", "why", "risk", "risk_se")}
    lines = described(SUMMARY | channels).splitlines()
    assert lines[1:4] == ["  channel        0", *described(SUMMARY).splitlines()[1:3]]
    assert lines[4] == "  channel        1"


def test_the_worst_verdict_decides():
    assert restored([SUMMARY]).trusted
    assert not restored([SUMMARY, SUMMARY | {"verdict": "amber"}]).trusted


def interrupted(*arguments):
    """Run the command, press Ctrl-C when it trains, and return how it ended."""
    code = "from pellucid.cli import main; main()"
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as run:
        try:
            for line in run.stderr:
                if "noise2void" in line:
                    run.send_signal(signal.SIGINT)
                    break
            out, err = run.communicate(timeout=30)
        finally:
            run.kill()
    return run.returncode, out, err


def test_ctrl_c_keeps_what_resume_goes_on_with(command, noisy, tmp_path):
    run = ("denoise", noisy, *FAST, "--steps", 400, "--json")
    whole = command(*run, "-o", tmp_path / "whole.ome.tif").facts
    code, _, err = interrupted(*run)
    assert code == 130
    assert "Traceback" not in err
    ran = command(*run, "--resume")
    assert ran.code in (0, 3), ran.err
    assert ran.facts["steps"] == 400
    np.testing.assert_array_equal(tifffile.imread(ran.facts["output"]), tifffile.imread(whole["output"]))


@pytest.fixture
def field(tmp_path):
    """Return a smooth field, of another size than the image, as the same camera records it."""
    rng = np.random.default_rng(5)
    row, column = np.mgrid[-1:1:150j, -1:1:120j]
    photons = rng.poisson(2 + 160 * np.exp(-4 * (row**2 + column**2)))
    path = tmp_path / "field.tif"
    tifffile.imwrite(path, (100 + 2 * photons + rng.normal(0, 2, photons.shape)).round().astype(np.uint16))
    return path


@pytest.mark.parametrize("noise", ["auto", "histogram"])
def test_a_calibration_serves_pn2v_and_its_model_is_kept(noise, command, noisy, field, tmp_path):
    small = ("--set", "features=4", "--set", "depth=1", "--set", "patch=32", "--set", f"noise={noise}")
    kept = tmp_path / "model.pellucid"
    ran = command(
        "denoise",
        noisy,
        "--method",
        "pn2v",
        *small,
        "--calibration",
        field,
        "--steps",
        4,
        "--save-model",
        kept,
        "--json",
    )
    assert (ran.facts["method"], ran.facts["steps"]) == ("pn2v", 4)
    applied = command("apply", kept, noisy, "-o", tmp_path / "again.tif", "--json").facts
    first, second = (tifffile.imread(facts["output"]) for facts in (ran.facts, applied))
    np.testing.assert_allclose(second, first, rtol=1e-5)
    assert {str(noisy), str(field)} <= Model.load(kept).provenance["inputs"].keys()
