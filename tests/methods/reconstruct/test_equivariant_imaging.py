def test_a_few_steps_come_nearer_to_the_truth(slices, built, learn, error):
    """What it learns where nothing was measured is tested with its objective."""
    method = built("equivariant_imaging", slices.recording, consistency="held_out")
    before = error(method)
    learn(method, [slices.recording], 20)
    assert error(method) < 0.98 * before


def test_consistency_with_noisy_samples_keeps_their_noise(slices, built, learn, error):
    """Survey eq. 18: it explains what was measured, and the longer it is trained the more of its noise."""
    measured, held = (
        built("equivariant_imaging", slices.recording, consistency=kind) for kind in ("measurements", "held_out")
    )
    for method in (measured, held):
        learn(method, [slices.recording], 40)
    assert error(measured) > 1.1 * error(held)
