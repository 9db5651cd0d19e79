import pytest
import torch

from pellucid.networks import ImageCritic, PatchCritic, initialise


@pytest.mark.parametrize(("halvings", "width"), [(1, 16), (2, 34), (3, 70)])
def test_a_patch_critic_sees_the_patch_it_says(halvings, width, rng):
    network = initialise(PatchCritic(1, features=1, halvings=halvings), rng)
    x = torch.randn(1, 1, 160, 160, generator=rng).requires_grad_()
    out = network(x)
    out[0, 0, out.shape[2] // 2, out.shape[3] // 2].backward()
    seen = x.grad[0, 0].abs().sum(1).nonzero()
    assert int(seen.max() - seen.min()) + 1 == width


@pytest.mark.parametrize("size", [(23,), (20, 20), (16, 16, 16)])
def test_an_image_critic_gives_one_number_and_judges_samples_alone(size, rng):
    network = initialise(ImageCritic(2, size, features=4), rng)
    x = torch.randn(3, 2, *size, generator=rng)
    assert network(x).shape == (3, 1)
    torch.testing.assert_close(network(x)[1:2], network(x[1:2]))
