from dataclasses import replace

import numpy as np
import pytest

from pellucid.report.evidence import Learning
from pellucid.report.particles import Account, Agreement, page


@pytest.fixture
def account():
    ramp = np.linspace(0, 1, 32 * 32).reshape(32, 32)
    at = np.arange(5.0)
    return Account(
        title="map<script>.mrc",
        method="CryoGAN, D2",
        meaning=("A generated map.", "It is no refinement."),
        recorded=ramp,
        made=ramp[::-1],
        names=("Recorded", "Made by the map"),
        heading="Both images",
        cuts={"Section x-y": ramp[:16, :16], "Section x-z": ramp[:16, :16]},
        learning=Learning(at=at, loss=1 / (1 + at), held_at=at, held=np.full(5, np.nan)),
        learned="distance",
        notes=("32 particles.",),
        provenance={"generated": True, "command": "pellucid particles p.star"},
    )


def test_the_page_says_that_the_map_was_generated_and_runs_nothing(account):
    html = page(account)
    for told in ("A generated map.", "no refinement", "Made by the map", "Section x-z", "32 particles.", "generated"):
        assert told in html
    assert "map<script>" not in html
    assert "Look before" not in html


def test_doubts_come_first(account):
    html = page(replace(account, warnings=("Too <few> particles.",)))
    assert "Look before" in html
    assert "Too &lt;few&gt; particles." in html
    assert html.index("Too &lt;few") < html.index("Both images")


def test_curves_are_drawn_with_their_threshold(account):
    frequency = np.linspace(0.1, 0.5, 5)
    one = Agreement(
        title="Agreement of half-maps",
        sentence="It reaches 0.143 at 12 angstrom.",
        frequency=frequency,
        correlation=1 - frequency,
        threshold=0.143,
        unit="1/Å",
    )
    html = page(replace(account, agreements=(one,)))
    assert "12 angstrom" in html
    assert "frequency, 1/Å" in html
    assert "Agreement" not in page(account)


def test_the_power_of_both_is_drawn_where_it_is_known(account):
    frequency = np.linspace(0, 0.5, 9)
    assert "Power of the images" in page(replace(account, powers=(frequency, 1 + frequency, 1 - frequency)))
    assert "Power of the images" not in page(account)


def test_a_training_without_a_curve_is_said_to_be_short(account):
    none = Learning(at=np.zeros(0), loss=np.zeros(0), held_at=np.zeros(0), held=np.zeros(0))
    assert "too short for a curve" in page(replace(account, learning=none))
