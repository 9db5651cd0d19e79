from dataclasses import replace

import numpy as np
import pytest

from pellucid.report.comparison import Contest, Row, page, text
from pellucid.report.evidence import Pictures


@pytest.fixture
def contest():
    ramp = np.linspace(0, 1, 48 * 40).reshape(48, 40)
    row = Row(
        method="noise2<self>",
        risk=0.5235,
        risk_se=0.0012,
        psnr=31.234,
        spread=0.25,
        coverage_hidden=0.912,
        coverage_truth=0.873,
        seconds=61.0,
        memory=300 * 2**20,
        verdict="green",
        pictures=Pictures(noisy=ramp, restored=ramp),
    )
    unknown = ("risk", "risk_se", "psnr", "spread", "coverage_hidden", "coverage_truth")
    bare = replace(row, method="naive", verdict="red", **dict.fromkeys(unknown))
    return Contest(
        title="cells<script>.tif",
        rows=(row, bare),
        left_out={"noise2noise": "needs a second recording"},
        protocol=("PSNR with range 255.",),
        truth=ramp,
        warnings=("careful & slow",),
        provenance={"command": "pellucid compare cells.tif"},
    )


def test_table_tells_every_number_and_nothing_runs(contest):
    html = page(contest)
    for told in (
        "0.5235 ± 0.0012",
        "31.23",
        "0.25",
        "91.2%",
        "87.3%",
        "61",
        "300",
        "no estimate",
        "a second recording",
        "range 255",
    ):
        assert told in html
    assert "careful &amp; slow" in html
    assert "noise2&lt;self&gt;" in html
    assert "cells<script>" not in html
    assert html.count("<figure><img") == 4  # noisy, truth and two methods


def test_text_tells_the_same_table(contest):
    heads, full, bare, left_out, *rest = (" ".join(line.split()) for line in text(contest).splitlines())
    assert heads == "method risk ± s.e. PSNR spread hidden in 90 % truth in 90 % seconds MiB verdict"
    assert full == "noise2<self> 0.5235 0.0012 31.23 0.25 91.2% 87.3% 61.0 300 green"
    assert bare == "naive - - - - - - 61.0 300 red"
    assert left_out == "noise2noise is left out: needs a second recording"
    assert rest == ["PSNR with range 255.", "warning: careful & slow"]


def test_all_parts_may_be_missing(contest):
    html = page(replace(contest, rows=contest.rows[1:], left_out={}, truth=None, protocol=(), warnings=()))
    assert "Every method has a row" in html
    assert "There were no warnings" in html
