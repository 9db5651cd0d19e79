from pellucid.workflows.known import known_risk, known_spread, relies_on_independence

SPREAD = {"factor": 1.5, "low": 1.2, "high": 1.8, "coverage_claimed": 0.8, "coverage": 0.9, "pixels": 900}


def test_what_a_file_says_of_its_spread_is_read():
    found = known_spread({"spread": [None, SPREAD]}, 1)
    assert (found.factor, found.after) == (1.5, 0.9)
    assert known_spread({"spread": [None, SPREAD]}, 0) is None
    by_error = SPREAD | {"coverage_claimed": None, "coverage": None}
    assert known_spread({"spread": [by_error]}, 0).after is None


def test_nonsense_is_no_knowledge():
    for spread in ("1", [{"factor": "1; rm"}], [SPREAD | {"low": None}], {"factor": 1.0}):
        assert known_spread({"spread": spread}, 0) is None
    assert known_risk({"risk": [float("nan")], "risk_se": [1.0], "noise_variance": [1.0]}, 0) is None


def test_a_method_that_nobody_knows_is_taken_to_rely_on_independence():
    assert relies_on_independence({"method": ["noise2void"]}, 0)
    assert not relies_on_independence({"method": ["noise2noise"]}, 0)
    assert relies_on_independence({"method": ["another"]}, 0)
