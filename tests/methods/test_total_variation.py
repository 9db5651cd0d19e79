import torch


def test_flat_parts_become_flat_and_edges_stay(built, scene):
    rows = torch.arange(48)
    step = type(scene)(2.0 * (rows < 24).float().expand(1, 1, 48, 48) - 1, scene.noise)
    method, given = built("total_variation", step.record(1)), step.record(1)
    image = method.model(given)
    assert step.error(image) < 0.1 * step.error(given.y)
    assert float((image[..., 23] - image[..., 24]).mean()) > 1.5
    slopes = image.diff(dim=-1).abs()
    assert float(slopes[..., 26:44].mean()) < 0.1 * float(given.y.diff(dim=-1).abs()[..., 26:44].mean())


def test_more_iterations_change_little(built, scene):
    fifty, many = (built("total_variation", scene.record(1), iterations=n).restorer for n in (50, 1000))
    given = scene.record(1)
    given = given.with_y(given.y[:1])
    assert float((fifty(given) - many(given)).square().mean().sqrt()) < 0.1 * 0.5
