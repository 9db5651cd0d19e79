import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.report.chart import BOTTOM, LEFT, RIGHT, TOP, Axis, Series, chart, intervals
from pellucid.report.evidence import Candidate

values = st.floats(min_value=-1e12, max_value=1e12)


@given(values, st.floats(min_value=1e-6, max_value=1e12))
def test_ticks_are_few_round_and_inside(low, length):
    axis = Axis(low, low + max(length, 1e-6 * abs(low)), 0.0, 1.0)
    ticks = np.array(axis.ticks())
    assert 2 <= ticks.size <= 7
    assert (np.diff(ticks) > 0).all()
    assert all(-1e-6 <= axis(tick) <= 1 + 1e-6 for tick in ticks)


@given(st.lists(st.tuples(values, values | st.just(float("nan"))), min_size=1, max_size=30))
def test_every_finite_point_lies_in_the_frame(points):
    x, y = np.array(points).T
    drawn = re.findall(r"[ML]([-\d.]+) ([-\d.]+)h0", chart([Series(x, y, "dots")], "x", "y"))
    assert len(drawn) == np.isfinite(y).sum()
    for across, down in drawn:
        assert LEFT <= float(across) <= RIGHT
        assert TOP <= float(down) <= BOTTOM


def test_larger_is_higher_and_further_right():
    svg = chart([Series(np.array([2.0, 1.0, 3.0]), np.array([5.0, 4.0, 6.0]))], "x", "y", mark=(3.0, 6.0))
    points = re.search(r'class="line s0" d="M([^"]+)"', svg).group(1).split("L")
    across, down = np.array([point.split() for point in points], float).T
    assert (np.diff(across) > 0).all()
    assert (np.diff(down) < 0).all()
    ring = re.search(r'class="mark" cx="([\d.]+)" cy="([\d.]+)"', svg).groups()
    assert [float(ring[0]), float(ring[1])] == [across[-1], down[-1]]


def test_large_values_share_one_power_of_ten():
    svg = chart([Series(np.array([0.0, 1.0]), np.array([0.0, 4e6]))], "x", "variance")
    assert "variance / 10⁶" in svg
    assert ">4</text>" in svg


def candidate(risk: float, risk_se: float) -> Candidate:
    return Candidate(method="m", risk=risk, risk_se=risk_se, seconds=1.0)


def test_intervals_share_one_axis():
    nan = float("nan")
    narrow, none, wide = intervals([candidate(5.0, 2.0), candidate(nan, nan), candidate(6.0, 5.0)])
    spans = [
        float(stop) - float(start)
        for start, stop in (re.search(r"M([\d.]+) 8H([\d.]+)", svg).groups() for svg in (narrow, wide))
    ]
    dots = [float(re.search(r'cx="([\d.]+)"', svg).group(1)) for svg in (narrow, wide)]
    assert spans[0] / spans[1] == pytest.approx(0.4, abs=0.01)
    assert (dots[1] - dots[0]) / spans[1] == pytest.approx(0.1, abs=0.01)
    assert none == ""


def test_one_risk_without_error_has_nothing_to_compare():
    assert intervals([candidate(5.0, 0.0)]) == [""]
