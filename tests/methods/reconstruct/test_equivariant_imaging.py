import pytest


@pytest.mark.parametrize("consistency", ["measurements", "held_out"])
def test_a_few_steps_come_nearer_to_the_truth(consistency, slices, built, learn, error):
    """What it learns where nothing was measured is tested with its objective."""
    method = built("equivariant_imaging", slices.recording, consistency=consistency)
    before = error(method)
    learn(method, [slices.recording], 20)
    assert error(method) < 0.98 * before
