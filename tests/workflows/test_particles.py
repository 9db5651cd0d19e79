import json
from dataclasses import replace
from pathlib import Path

import mrcfile
import numpy as np
import pytest

import pellucid as pl
from pellucid.errors import InputError
from pellucid.workflows.particles import output_of, particles, particles_files
from pellucid.workflows.particles_stack import Reading
from pellucid.workflows.particles_training import Request

from .particle_stacks import PIXEL, simulated

pytest.importorskip("starfile", reason="starfile, of the extra em, reads STAR")


@pytest.fixture
def path(tmp_path):
    (tmp_path / "in").mkdir()
    return simulated(tmp_path / "in")


@pytest.fixture
def request_for(path):
    return Request(steps=4, reading=Reading(star=path.with_name("p.star")))


def voxels(path):
    with mrcfile.open(path) as file:
        return file.data.copy()


def test_a_map_is_written_with_its_voxels_and_a_report(path, request_for, tmp_path):
    facts = particles_files(path, request_for, tmp_path / "map.mrc")
    with mrcfile.open(tmp_path / "map.mrc") as file:
        assert file.voxel_size.x == pytest.approx(PIXEL)
        assert file.is_volume()
        assert "generated=True, method=cryogan" in str(file.header.label[0])
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["in", "map.mrc", "map.report.html"]
    assert (facts["generated"], facts["verdict"], facts["steps"]) == (True, "amber", {"map": 4})
    html = (tmp_path / "map.report.html").read_text()
    for told in ("no refinement", "p.star", "pellucid", "seed"):
        assert told in html


def test_stopped_and_resumed_is_the_same_map_bit_for_bit(path, request_for, tmp_path, monkeypatch):
    """With halves: stopped within the training of the first half, after that of the whole."""
    monkeypatch.setattr("pellucid.workflows.particles_density._agreements", lambda *given: ((), {}))
    halves = replace(request_for, halves=True)
    particles_files(path, halves, tmp_path / "whole.mrc")
    asked = iter([False] * 7 + [True] * 3)
    with pytest.raises(KeyboardInterrupt, match="keeps the state, and --resume goes on"):
        particles_files(path, halves, tmp_path / "stopped.mrc", cancel=lambda: next(asked))
    assert not (tmp_path / "stopped.mrc").exists()
    with pytest.raises(InputError, match="with other settings"):
        particles_files(path, replace(halves, seed=1), tmp_path / "stopped.mrc", resume=True)
    particles_files(path, halves, tmp_path / "stopped.mrc", resume=True)
    for added in ("", "_half1", "_half2"):
        assert np.array_equal(voxels(tmp_path / f"whole{added}.mrc"), voxels(tmp_path / f"stopped{added}.mrc"))
    assert not (tmp_path / "stopped.checkpoint").exists()


def test_poses_are_written_with_their_pictures(path, request_for, tmp_path):
    request = replace(request_for, method="spatial_vae", settings={"features": "16"})
    facts = particles_files(path, request, tmp_path / "poses.star")
    written = ["poses.report.html", "poses.star", "poses_means.mrcs", "poses_traversal.png"]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["in", *written]
    comment = (tmp_path / "poses.star").read_text().splitlines()[1]
    assert json.loads(comment.removeprefix("# "))["generated"] is True
    assert voxels(tmp_path / "poses_means.mrcs").shape == (32, 16, 16)
    assert len(facts["files"]) == 3


def test_maps_of_a_moving_molecule_are_written_side_by_side(path, request_for, tmp_path):
    facts = particles_files(path, replace(request_for, method="multi_cryogan"), tmp_path / "m.mrc")
    names = [f"m{added}.mrc" for added in ("", "_z1-2", "_z1-1", "_z1+1", "_z1+2")]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted(["in", "m.report.html", *names])
    assert facts["files"] == [str(tmp_path / name) for name in names]


def test_nothing_is_replaced_unasked(path, request_for, tmp_path):
    (tmp_path / "map_half2.mrc").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"map_half2.mrc exists already"):
        particles_files(path, replace(request_for, halves=True), tmp_path / "map.mrc")
    (tmp_path / "map.report.html").write_text("mine")
    with pytest.raises(InputError, match=r"map.report.html exists already"):
        particles_files(path, request_for, tmp_path / "map.mrc")
    particles_files(path, request_for, tmp_path / "map.mrc", overwrite=True)
    assert (tmp_path / "map_half2.mrc").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("method", "name", "reason"),
    [
        ("cryogan", "map.star", r"cryogan writes \.mrc: choose a name that ends so, not map\.star"),
        ("spatial_vae", "poses.mrc", r"spatial_vae writes \.star"),
        ("cryogan", "gone/map.mrc", "does not exist: make it first"),
    ],
)
def test_places_are_checked_before_anything_is_read(request_for, tmp_path, method, name, reason):
    with pytest.raises(InputError, match=reason):
        particles_files(tmp_path / "none.mrcs", replace(request_for, method=method), tmp_path / name)


def test_an_error_leaves_nothing_behind(path, request_for, tmp_path):
    dark = replace(request_for, reading=replace(request_for.reading, invert=True))
    with pytest.raises(InputError, match="leave out --invert"):
        particles_files(path, dark, tmp_path / "map.mrc")
    assert [entry.name for entry in tmp_path.iterdir()] == ["in"]


def test_from_python_nothing_is_written(path, tmp_path):
    found = particles(path, star=path.with_name("p.star"), steps=2, size=12)
    assert found.images[""].shape == (12, 12, 12)
    assert found.facts["generated"]
    assert pl.particles is particles
    assert [entry.name for entry in tmp_path.iterdir()] == ["in"]


def test_the_name_of_the_output_follows_the_stack(path):
    assert output_of(path, None, "spatial_vae").name == "p_poses.star"
    assert output_of(path, path, "cryogan") == path
    assert output_of(Path(), None, "cryogan").name == "_map.mrc"  # the folder itself, which is refused later


@pytest.mark.real
def test_real_particles_run_end_to_end(data_root, tmp_path):
    """No claim of quality is made from 32 particles: the warnings say so."""
    folder = data_root / "cryoem_betagal"
    reading = Reading(
        star=folder / "particles.star", size=16, invert=True, background=folder / "background.mrcs", mask_radius=0.8
    )
    request = Request(steps=3, reading=reading, symmetry="D2")
    facts = particles_files(folder / "particles.mrcs", request, tmp_path / "map.mrc")
    assert facts["pixel_size_angstrom"] == pytest.approx(12 * 1.274)
    assert [told.split(" are ")[0] for told in facts["warnings"]] == ["32 particles", "12 patches of background"]
    with pytest.raises(InputError, match="add --invert"):
        particles_files(folder / "particles.star", Request(steps=3), tmp_path / "other.mrc")


@pytest.mark.real
def test_the_toy_hand_runs(data_root, tmp_path):
    request = Request(method="spatial_vae", steps=3, reading=Reading(size=16), settings={"features": "16"})
    facts = particles_files(data_root / "cryoem_toy_hand" / "hand.mrcs", request, tmp_path / "hand.star")
    assert facts["particles"] == 100
    assert any("next to no noise" in told for told in facts["warnings"])
