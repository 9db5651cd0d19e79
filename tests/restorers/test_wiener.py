import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.networks import UNet, initialise
from pellucid.operators import Blur
from pellucid.restorers.transport import LearnedBlur
from pellucid.restorers.wiener import Mirrored, WienerNetwork, wiener


def gaussian(across, along, tilt=0.0):
    place = torch.arange(9.0) - 4
    row, column = torch.meshgrid(place, place, indexing="ij")
    psf = torch.exp(-((row / across) ** 2 + (column / along) ** 2 + tilt * row * column) / 2)
    return (psf / psf.sum())[None, None]


def restorer(rng):
    network = UNet((2, 1), dims=2, features=4, depth=2, blur_pool=False)
    initialise(network, rng)
    return WienerNetwork(network, blind=False)


def test_a_wiener_filter_undoes_a_blur_of_the_frequencies_that_it_leaves(rng):
    blur = Blur(torch.tensor([[[[0.0, 0.1, 0.0], [0.1, 0.6, 0.1], [0.0, 0.1, 0.0]]]]), "reflect")
    x = torch.nn.functional.avg_pool2d(torch.rand(1, 1, 40, 44, generator=rng), 5, 1)
    assert (wiener(blur(x), blur, 0.01) - x).abs().mean() < 0.05 * x.mean()


def test_the_mean_over_mirror_images_is_mirrored_with_the_recording(rng):
    blur, alone = Blur(gaussian(1.5, 2.5), "reflect"), restorer(rng)
    mean, y = Mirrored(alone, blur), torch.rand(2, 1, 22, 28, generator=rng)
    for axes in ([2], [3], [2, 3]):
        one, other = (Measurement(y=image, operator=blur) for image in (y, y.flip(axes)))
        with torch.no_grad():
            torch.testing.assert_close(mean(other), mean(one).flip(axes), rtol=1e-4, atol=1e-5)
            assert (alone(other) - alone(one).flip(axes)).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("psf", "mirrors"),
    [
        (gaussian(1.5, 2.5), [(), (0,), (1,), (0, 1)]),
        (gaussian(1.5, 1.5, tilt=0.6), [(), (0, 1)]),
        (gaussian(1.5, 2.5).roll(1, 2), [(), (1,)]),
        (gaussian(1.5, 2.5)[..., 1:], [(), (0,), (1,), (0, 1)]),  # eight columns, the fourth of which is the centre
    ],
)
def test_only_mirrors_that_the_psf_allows_are_used(psf, mirrors, rng):
    if psf.shape[-1] == 8:
        psf = torch.nn.functional.pad(psf, (1, 0))[..., :8]
    assert Mirrored(restorer(rng), Blur(psf)).mirrors == mirrors


def test_a_learned_psf_allows_the_mirrors_that_it_has_come_to_allow(rng):
    way = LearnedBlur(5)
    mean = Mirrored(restorer(rng), way)
    assert mean.mirrors == [(), (0,), (1,), (0, 1)]
    with torch.no_grad():
        way.logits[0, 0] = way.logits[4, 4] = 2
    assert mean.mirrors == [(), (0, 1)]
