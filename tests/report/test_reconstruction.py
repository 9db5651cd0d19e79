from dataclasses import replace

import numpy as np
import pytest

from pellucid.report.evidence import Learning, Pictures
from pellucid.report.reconstruction import Account, Score, Strengths, page


@pytest.fixture
def account():
    ramp = np.linspace(0, 1, 48 * 40).reshape(48, 40)
    return Account(
        title="scan<script>.h5",
        method="tv",
        quantity="refractive index",
        level="green",
        sentence="The image leaves 0.1 of the data unexplained.",
        cuts={name: Pictures(noisy=ramp, restored=ramp.T[:40, :40] if name == "x-z" else ramp) for name in ("x-y",)}
        | {"x-z": Pictures(noisy=ramp[:10], restored=ramp[:10])},
        measured=ramp,
        left=0.1 * ramp,
        strengths=Strengths(rule="held-out measurements", tried={0.1: 2.0, 1.0: 1.5}, chosen=1.0),
        notes=("The centre of rotation is at 20.5.",),
        provenance={"command": "pellucid reconstruct scan.h5", "method": "tv"},
    )


def test_the_page_tells_what_it_was_given_and_nothing_runs(account):
    html = page(account)
    for told in ("refractive index", "0.1 of the data", "held-out measurements", "1 (chosen)", "20.5", "x-z"):
        assert told in html
    assert "scan<script>" not in html
    assert "Explains the data" in html


@pytest.mark.parametrize(("level", "word"), [("amber", "Look before"), (None, "Not judged")])
def test_the_level_is_in_words(account, level, word):
    assert word in page(replace(account, level=level, strengths=None, notes=()))


def test_scores_the_training_and_doubts_are_told_where_there_are_some(account):
    assert "Prediction of unseen" not in page(account)
    scores = tuple(
        Score(method=m, error=e, error_se=0.01, relative_l2=e, relative_l2_se=0.02, seconds=3.0, chosen=m == "ssdu")
        for m, e in (("ssdu", 0.25), ("<tv>", 0.5))
    )
    curve = np.linspace(2, 1, 5)
    learning = Learning(at=np.arange(5.0), loss=curve, held_at=np.arange(5.0), held=curve)
    html = page(replace(account, scores=scores, learning=learning, warnings=("It diverged.",)))
    for told in ("ssdu <b>chosen</b>", "0.250 ± 0.010", "&lt;tv&gt;", "training loss", "It diverged."):
        assert told in html
