import torch

from pellucid.data.source import Step
from pellucid.solvers import conjugate_gradient


def test_an_image_that_explains_the_noise_is_the_best_and_the_truth_is_not(slices, built):
    """Survey eq. 18: the loss of least squares, which amplify the noise, is below that of the truth."""
    objective, data = built("measurement_consistency", slices.recording).stages[0].objective, slices.recording
    step = Step(0, 0.0, torch.Generator())

    def loss(image):
        model = type("Fixed", (), {"explain": lambda self, given, rng: image[:, None]})()
        return float(objective.terms(model, data, step)["held_out"])

    least_squares = conjugate_gradient(data.operator.normal, data.operator.adjoint(data.y), iterations=200)
    assert loss(least_squares) < 0.8 * loss(slices.truth)
    assert float((least_squares - slices.truth).abs().square().mean()) > 2 * 0.05**2  # of a full recording


def test_what_it_learns_amplifies_noise_where_hiding_samples_does_not(slices, built, learn, error):
    off = {}
    for name, steps in (("measurement_consistency", 50), ("ssdu", 20)):
        method = built(name, slices.recording)
        before = error(method)
        learn(method, [slices.recording], steps)
        off[name] = error(method) / before
    assert off["ssdu"] < 0.95
    assert off["measurement_consistency"] > 1.05
