import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from pellucid.data.image import Image
from pellucid.errors import InputError
from pellucid.methods import registry
from pellucid.metrics import psnr
from pellucid.workflows import compare as module
from pellucid.workflows.compare import compare, compare_file
from pellucid.workflows.denoise import denoise

SMALL = {"features": 4, "depth": 1, "patch": 16, "batch": 2, "flips": False}
QUICK = ("non_local_means", "total_variation")


def test_rows_are_sorted_by_risk_and_tell_the_error(frame, truth):
    found = compare(frame, methods=QUICK, truth=truth)
    risks = [row.risk for row in found.contest.rows]
    assert risks == sorted(risks)
    for row in found.contest.rows:
        assert row.psnr == psnr(found.images[row.method], truth, np.ptp(truth))
        assert row.psnr > psnr(frame.data, truth, np.ptp(truth)) + 4
        assert row.seconds > 0
        assert row.memory > 2**27  # Python and PyTorch alone
        assert row.spread > 0
    assert any(f"{np.ptp(truth):.6g}" in sentence for sentence in found.contest.protocol)


def test_coverage_is_that_of_hidden_pixels_and_of_the_truth(frame, truth):
    """Hidden pixels are known without a truth; of a truth of another scale no interval is tested."""
    row = compare(frame, methods="total_variation", truth=truth).contest.rows[0]
    assert 0.8 < row.coverage_hidden < 1.0
    inside = abs(row.pictures.restored - truth) <= 1.645 * row.pictures.spread
    assert row.coverage_truth == pytest.approx(inside.mean(), abs=1e-3)
    blind = compare(frame, methods="total_variation", truth=truth, affine=True).contest.rows[0]
    assert blind.coverage_truth is None
    assert compare(frame, methods="total_variation").as_dict()["rows"][0]["coverage_hidden"] == row.coverage_hidden


def test_same_result_as_denoise_on_its_own(frame):
    alone = denoise(frame, method="total_variation")
    found = compare(frame, methods="total_variation")
    assert np.array_equal(found.images["total_variation"], alone.image)
    assert found.contest.rows[0].risk == alone.summary["risk"]
    assert found.contest.rows[0].psnr is None


@pytest.mark.parametrize("name", [n for n in registry.names() if registry.card(n).needs != "series"])
def test_every_method_goes_all_the_way(name, frame, again, truth, monkeypatch):
    """From the file to the report: built, trained for two steps, judged, applied, drawn."""
    learned = module.learned

    def small(images, pairs, job):
        known = registry.settings(name)
        given = {key: value for key, value in SMALL.items() if key in known and "rate" in known}
        return learned(images, pairs, replace(job, options=replace(job.options, settings=given)))

    monkeypatch.setattr(module, "learned", small)
    found = compare(frame.data[:48, :48], methods=name, steps=2, pairs=again.data[:48, :48], truth=truth[:48, :48])
    assert np.isfinite(found.images[name]).all()
    assert name in found.report.html


def test_all_are_those_that_suit_and_the_others_say_why_not(frame, monkeypatch):
    def refused(name, *rest):
        raise InputError("not here")

    monkeypatch.setattr(module, "_run", refused)
    with pytest.raises(InputError, match="auto: not here") as told:
        compare(frame)
    assert "noise2noise: needs a second recording" in str(told.value)
    assert "noise2void: not here" in str(told.value)
    with pytest.raises(InputError, match="noise2noise: not here"):
        compare(frame, pairs=frame)


def test_all_leaves_out_blind_spots_where_the_noise_is_correlated(truth, numpy_rng, monkeypatch):
    monkeypatch.setattr(module, "names", lambda: ("noise2void", "total_variation"))
    grain = ndimage.uniform_filter(numpy_rng.normal(0, 30, truth.shape), 2)
    found = compare(truth + grain)
    assert "independent" in found.contest.left_out["noise2void"]
    assert [row.method for row in found.contest.rows] == ["auto (non_local_bayes)"]
    assert found.contest.rows[0].risk is None


def test_a_method_that_fails_does_not_lose_the_others(frame, monkeypatch):
    learned = module.learned

    def broken(images, pairs, job):
        if job.options.method == "non_local_means":
            raise ZeroDivisionError("too flat")
        return learned(images, pairs, job)

    monkeypatch.setattr(module, "learned", broken)
    found = compare(frame, methods=QUICK)
    assert [row.method for row in found.contest.rows] == ["total_variation"]
    assert found.contest.left_out == {"non_local_means": "failed: ZeroDivisionError: too flat"}
    with pytest.raises(InputError, match="No method gave a result: non_local_means: failed"):
        compare(frame, methods="non_local_means")


def test_what_is_done_is_kept_when_it_is_stopped(frame, monkeypatch):
    learned, started = module.learned, []

    def interrupted(images, pairs, job):
        started.append(job.options.method)
        if len(started) == 2:
            raise KeyboardInterrupt
        return learned(images, pairs, job)

    monkeypatch.setattr(module, "learned", interrupted)
    found = compare(frame, methods=[*QUICK, "noise2self"])
    assert [row.method for row in found.contest.rows] == ["non_local_means"]
    assert set(found.contest.left_out) == {"total_variation", "noise2self"}
    with pytest.raises(KeyboardInterrupt):
        compare(frame, methods=QUICK, cancel=lambda: True)


def test_truth_of_another_scale_is_noticed_and_fitted(frame, truth):
    plain, fitted = (compare(frame, methods="total_variation", truth=0.5 * truth, affine=a) for a in (False, True))
    assert "--affine" in plain.contest.warnings[0]
    assert not [w for w in fitted.contest.warnings if "--affine" in w]
    assert fitted.contest.rows[0].psnr > plain.contest.rows[0].psnr + 10


def test_file_and_report(frame, truth, tmp_path, monkeypatch):
    for name, array in (("cells", frame.data), ("truth", truth)):
        np.save(tmp_path / f"{name}.npy", array)
    monkeypatch.setattr(sys, "argv", ["pellucid", "compare", "cells.npy"])
    path = tmp_path / "cells.npy"
    found, report = compare_file(path, truth=tmp_path / "truth.npy", methods=QUICK)
    html = report.read_text("utf-8")
    assert report == tmp_path / "cells.comparison.html"
    best = found.contest.rows[0]
    assert all(told in html for told in (*QUICK, "Truth", f"{best.psnr:.2f}", "pellucid compare cells.npy"))
    assert len(json.loads(json.dumps(found.as_dict()))["rows"]) == 2
    assert str(found).splitlines()[1].startswith(best.method)
    with pytest.raises(InputError, match="--overwrite"):
        compare_file(path, methods=QUICK)


def test_refusals_write_nothing(frame, truth, tmp_path):
    np.save(tmp_path / "cells.npy", frame.data)
    np.save(tmp_path / "small.npy", truth[:-2])
    path, before = tmp_path / "cells.npy", sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match="same object"):
        compare_file(path, truth=tmp_path / "small.npy")
    with pytest.raises(InputError, match="Did you mean noise2void"):
        compare_file(path, methods="noise2vod")
    with pytest.raises(InputError, match="folder that exists"):
        compare_file(path, output=tmp_path / "none" / "report.html")
    with pytest.raises(InputError, match="one is compared"):
        compare(Image(data=np.stack([frame.data] * 2), axes="CYX"))
    assert sorted(tmp_path.iterdir()) == before
