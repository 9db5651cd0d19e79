import math

import pytest

from pellucid.errors import InputError
from pellucid.training import Adam, Plan


def test_the_rate_rises_for_some_steps_and_falls_as_a_cosine():
    adam = Adam(rate=0.1, warm_up=10)
    assert [adam.at(index, 0.0) for index in (0, 4, 9, 100)] == pytest.approx([0.01, 0.05, 0.1, 0.1])
    assert [adam.at(100, done) for done in (0.25, 0.5, 1.0)] == pytest.approx(
        [0.05 * (1 + math.sqrt(0.5)), 0.05, 0.0], abs=1e-12
    )


def test_without_warm_up_the_rate_is_there_at_once():
    assert Adam(rate=0.1, warm_up=0).at(0, 0.0) == 0.1


@pytest.mark.parametrize(("decay", "expected"), [("linear", [1, 1, 1, 0.5, 0]), ("none", [1, 1, 1, 1, 1])])
def test_the_rate_falls_late_or_never(decay, expected):
    adam = Adam(rate=0.1, warm_up=1, decay=decay)
    assert [adam.at(9, done) / 0.1 for done in (0, 0.25, 0.5, 0.75, 1)] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ({"steps": 200}, 0.25),
        ({"seconds": 10.0}, 0.3),
        ({"steps": 200, "seconds": 10.0}, 0.3),
        ({"steps": 60, "seconds": 10.0}, 50 / 60),
        ({"steps": 50}, 1.0),
        ({"seconds": 2.0}, 1.0),
    ],
)
def test_progress_is_that_of_the_end_that_comes_first(ends, expected):
    assert Plan(**ends).progress(50, 3.0) == pytest.approx(expected)


@pytest.mark.parametrize("ends", [{}, {"steps": 0}, {"steps": -3}, {"seconds": 0.0}, {"steps": 5, "seconds": -1.0}])
def test_a_plan_has_an_end(ends):
    with pytest.raises(InputError, match="A fit needs an end"):
        Plan(**ends)
