import torch


def test_patches_that_look_alike_are_averaged(built, scene):
    """A texture that repeats is kept, where a blur of the same reach would lose it."""
    rows = torch.arange(48)
    stripes = type(scene)(2.0 * ((rows // 2) % 2).float().expand(1, 1, 48, 48) - 1, scene.noise)
    method, given = built("non_local_means", stripes.record(1)), stripes.record(1)
    image = method.model(given)
    assert stripes.error(image) < 0.1 * stripes.error(given.y)
    assert float((image * stripes.x).mean()) > 0.95
