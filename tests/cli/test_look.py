import json

import numpy as np
import pytest

from pellucid import methods
from pellucid.cli.look import _type, _written
from pellucid.methods import generate


def test_info_names_axes_noise_and_a_method(command, noisy):
    ran = command("info", noisy)
    assert ran.code == 0
    assert "YX (64, 64), uint16" in ran.out
    assert "poisson-gaussian" in ran.out
    assert "denoise" in ran.out
    assert command("info", noisy, "--json").facts["channels"][0]["noise"]["gain"] == pytest.approx(2, rel=0.3)


def test_info_names_a_complex_image_that_denoise_refuses(command, tmp_path):
    np.save(tmp_path / "waves.npy", np.ones((40, 40), np.complex64))
    ran = command("info", tmp_path / "waves.npy")
    assert ran.code == 0
    assert "complex64" in ran.out


def test_info_of_nothing(command, tmp_path):
    ran = command("info", tmp_path / "none.tif", "--json")
    assert ran.code == 2
    assert "does not exist" in ran.facts["error"]


def test_methods_lists_all(command):
    ran = command("methods")
    assert ran.code == 0
    everything = {task: set(methods.names(task)) for task in methods.TASKS}
    assert all(name in ran.out for names in everything.values() for name in names)
    assert {task: set(cards) for task, cards in command("methods", "--json").facts.items()} == everything


@pytest.mark.parametrize(("task", "name"), [(task, name) for task in methods.TASKS for name in methods.names(task)])
def test_one_method_has_its_card_and_every_setting(command, task, name):
    ran = command("methods", name)
    assert methods.card(name, task).paper in ran.out
    facts = command("methods", name, "--json").facts[task]
    assert {key: entry["default"] for key, entry in facts["settings"].items()} == {
        key: default for key, (_, default) in methods.settings(name, task).items()
    }
    shown = [line.split() for line in ran.out.splitlines()]
    for key, entry in facts["settings"].items():
        assert [key, _written(entry["default"]), *entry["type"].split()] in shown


@pytest.mark.parametrize("name", methods.names("generate"))
def test_a_method_that_generates_tells_its_command_or_that_it_has_none(command, name):
    use = next(line for line in command("methods", name).out.splitlines() if line.startswith("  use "))
    if "from Python" in use:
        assert name in generate.__doc__
    else:
        assert name in command(use.split()[2], "--help").out


def test_no_such_method(command):
    ran = command("methods", "noise2vod")
    assert (ran.code, ran.err) == (2, "error: There is no method noise2vod. Did you mean noise2void?\n")


def test_types_are_written_for_people():
    assert _type(float) == "number"


def test_evaluate_judges_a_good_and_a_spoilt_image(command, noisy, second, tmp_path):
    good = command("denoise", noisy, "--method", "non_local_means", "--json").facts["output"]
    ran = command("evaluate", good, "--noisy", noisy, "--second-shot", second, "--json")
    assert ran.code == (0 if ran.facts["verdict"] == "green" else 3)
    risk = ran.facts["channels"][0]["risk"]
    np.save(tmp_path / "flat.npy", np.full((64, 64), 130, np.float32) + np.eye(64, dtype=np.float32))
    ran = command("evaluate", tmp_path / "flat.npy", "--noisy", noisy, "--second-shot", second, "--json")
    assert ran.code == 3
    assert ran.facts["verdict"] == "red"
    assert ran.facts["channels"][0]["risk"] > 2 * risk


def test_evaluate_says_what_was_not_checked(command, noisy, second):
    ran = command("evaluate", second, "--noisy", noisy)
    assert ran.code == 3
    assert "Not checked" in ran.out


def test_evaluate_refuses_files_that_do_not_belong_together(command, noisy, tmp_path):
    np.save(tmp_path / "small.npy", np.eye(40, dtype=np.float32))
    ran = command("evaluate", tmp_path / "small.npy", "--noisy", noisy)
    assert ran.code == 2
    assert "belong together" in ran.err


def test_doctor_looks_at_the_machine(command):
    ran = command("doctor", "--json")
    assert ran.code == 0
    assert {"Python", "torch", "memory"} <= {check["name"] for check in ran.facts["checks"]}
    assert json.dumps(ran.facts)


def test_compare_prints_and_draws_the_table(command, noisy, second, tmp_path):
    wanted = ("--methods", "total_variation", "--truth", second, "--pairs", second)
    ran = command("compare", noisy, *wanted, "--seed", 1)
    assert ran.code == 0, ran.err
    assert [line.split()[0] for line in ran.out.splitlines()[:2]] == ["method", "total_variation"]
    assert (tmp_path / "cells.comparison.html").is_file()
    ran = command("compare", noisy, *wanted, "-o", tmp_path / "again.html", "--json")
    assert [row["method"] for row in ran.facts["rows"]] == ["total_variation"]
    assert ran.facts["report"] == str(tmp_path / "again.html")


def test_compare_refuses_in_one_sentence(command, noisy):
    assert command("compare", noisy, "--methods", "noise2vod").err.startswith("error: There is no method")
    ran = command("compare", noisy, "--budget", "5s", "--steps", 3)
    assert (ran.code, ran.err) == (2, "error: --budget and --steps exclude each other: give one of them.\n")
