import numpy as np
import pytest
import torch
import zarr

from pellucid.data.fill import Donut, Median
from pellucid.data.measurement import Measurement
from pellucid.data.prepare import Standardisation
from pellucid.data.splits import Grid
from pellucid.networks import UNet, initialise
from pellucid.noise import Gaussian, PoissonGaussian
from pellucid.operators import Identity, Sampling
from pellucid.restoration import restore, restore_tiled
from pellucid.restorers import Enhancer, Flips, PosteriorMean, Recorded, Regularised, Shots, SplitAverage

NOISE = Gaussian(0.5).double()
UNITS = Standardisation(PoissonGaussian(2.0, 5.0, 1.0), 10.0, 4.0, stabilise=True).double()


def unet(rng, moments=1, dims=2, **options):
    return Enhancer(initialise(UNet((1, moments), dims=dims, features=4, depth=1, **options), rng).double(), moments)


def measured(y, **facts):
    return Measurement(y=y, operator=Identity(), **facts)


def in_tiles(restorer, y, tile, noise=NOISE):
    """Return image and maybe spread of y, (channel, *space), and how it was cut."""
    maps = [torch.full_like(y, torch.nan) for _ in range(2)]

    def write(region, parts):
        for whole, part in zip(maps, parts, strict=False):
            whole[(slice(None), *region)] = part

    cut = restore_tiled(restorer, lambda r: y[(slice(None), *r)], write, y.shape[1:], noise=noise, tile=tile)
    return torch.stack(maps), cut


RESTORERS = {
    "mean": lambda rng: unet(rng),
    "mean and variance": lambda rng: unet(rng, 2, blur_pool=False, top_skip=True),
    "donut, width 3": lambda rng: SplitAverage(unet(rng), Grid(3, Donut())),
    "median, width 2": lambda rng: SplitAverage(unet(rng), Grid(2, Median(3))),
    "posterior, mirrored and turned": lambda rng: Flips(PosteriorMean(SplitAverage(unet(rng, 2), Grid(2)))),
    "counts, stabilised": lambda rng: Recorded(PosteriorMean(SplitAverage(unet(rng, 2), Grid(2))), UNITS),
}


@pytest.mark.parametrize("name", RESTORERS)
def test_tiles_equal_the_whole_for_every_rule_of_inference(name, rng):
    restorer = RESTORERS[name](rng)
    y = 5 * torch.randn(1, 59, 47, generator=rng, dtype=torch.float64)
    whole, _ = in_tiles(restorer, y, y.shape[1:])
    parts, cut = in_tiles(restorer, y, (24, 12))
    assert len(cut.regions()) > 4
    torch.testing.assert_close(parts, whole, atol=1e-10, rtol=0, equal_nan=True)
    assert whole[1].isnan().all() == (restorer.estimate(measured(y[None, :, :48, :36], noise=NOISE))[1] is None)


def test_tiles_equal_the_whole_in_space(rng):
    restorer = PosteriorMean(SplitAverage(unet(rng, 2, dims=3, pool=(1, 2, 2)), Grid(2)))
    y = torch.randn(1, 5, 30, 27, generator=rng, dtype=torch.float64)
    whole, _ = in_tiles(restorer, y, y.shape[1:])
    parts, _ = in_tiles(restorer, y, (6, 12, 16))
    torch.testing.assert_close(parts, whole, atol=1e-10, rtol=0)


def test_restoration_is_the_restorers_answer_where_it_needs_no_padding(rng):
    """Away from the edges, where the mirror image is not seen."""
    restorer = unet(rng, 2)
    y = torch.randn(2, 1, 64, 48, generator=rng, dtype=torch.float64)
    done = restore(measured(y), restorer)
    image, spread = restorer.estimate(measured(y))
    depth = done.provenance["halo"][0]
    inner = (..., slice(depth, -depth), slice(depth, -depth))
    torch.testing.assert_close(done.image[inner], image[inner].detach())
    torch.testing.assert_close(done.spread[inner], spread[inner].detach())
    torch.testing.assert_close(done.residual, y - done.image)


@pytest.mark.parametrize("space", [(1, 1), (3, 50), (17, 5), (2, 9, 6)])
def test_sizes_need_not_be_multiples_of_the_stride(space, rng):
    restorer = unet(rng, dims=len(space))
    y = torch.randn(2, 1, *space, generator=rng, dtype=torch.float64)
    done = restore(measured(y), restorer)
    assert done.image.shape == y.shape
    assert done.image.isfinite().all()
    assert done.spread is None


def test_batch_is_restored_entry_by_entry(rng):
    restorer = unet(rng)
    y = torch.randn(3, 1, 20, 22, generator=rng, dtype=torch.float64)
    whole = restore(measured(y), restorer).image
    for i in range(3):
        assert torch.equal(restore(measured(y[i : i + 1]), restorer).image, whole[i : i + 1])


def test_recordings_stacked_as_channels_give_one_image(rng):
    y = torch.randn(1, 2, 20, 20, generator=rng, dtype=torch.float64)
    done = restore(measured(y), Shots(unet(rng), 1))
    assert done.image.shape == (1, 1, 20, 20)
    torch.testing.assert_close(done.residual, y - done.image)


def test_any_other_operator_is_restored_in_one_piece(rng):
    y = torch.randn(1, 1, 7, 9, generator=rng)
    keep = torch.rand(1, 1, 7, 9, generator=rng) > 0.5
    given = Measurement(y=y * keep, operator=Sampling(keep))
    done = restore(given, Regularised(lambda given, s: given.operator.adjoint(given.y) / (1 + s), 1.0))
    torch.testing.assert_close(done.image, y * keep / 2)
    torch.testing.assert_close(done.residual, y * keep / 2)
    assert done.provenance == {"restorer": "Regularised"}


def test_restoration_keeps_no_gradient_and_changes_no_weight(rng):
    restorer = unet(rng, 2)
    before = {name: value.clone() for name, value in restorer.state_dict().items()}
    done = restore(measured(torch.randn(1, 1, 16, 16, generator=rng, dtype=torch.float64)), restorer)
    assert not done.image.requires_grad
    assert not done.spread.requires_grad
    assert not done.image.is_inference()
    assert all(torch.equal(before[name], value) for name, value in restorer.state_dict().items())


def test_restoration_of_one_generator_state_repeats(rng):
    restorer = Regularised(lambda given, s: given.y, 0.0)
    restorer.forward = lambda given, rng=None: given.y + torch.randn(given.y.shape, generator=rng)
    given = measured(torch.zeros(1, 1, 8, 8))
    first, again, other = (restore(given, restorer, rng=torch.Generator().manual_seed(s)).image for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_halo_is_probed_once_for_a_restorer(rng):
    calls = []
    restorer = unet(rng)
    restorer.network.register_forward_hook(lambda *_: calls.append(1))
    y = torch.randn(1, 1, 16, 16, generator=rng, dtype=torch.float64)
    restore(measured(y), restorer)
    first = len(calls)
    restore(measured(y), restorer)
    assert first > 2
    assert len(calls) == first + 1


def test_restoring_from_zarr_to_zarr_needs_memory_for_a_tile_only(tmp_path, rng):
    """No region that is read or written is larger than a tile with its halo; the numbers are those of memory."""
    data = np.random.default_rng(0).poisson(20, (300, 260)).astype(np.uint16)
    source = zarr.create_array(tmp_path / "in.zarr", shape=data.shape, chunks=(64, 64), dtype="uint16")
    source[:] = data
    sink = zarr.create_array(tmp_path / "out.zarr", shape=data.shape, chunks=(64, 64), dtype="float32")
    restorer = unet(rng).float()
    sizes = []

    def read(region):
        block = torch.from_numpy(source[region].astype(np.float32))[None]
        sizes.append(block.shape[1:])
        return (block - 20) / 5

    def write(region, maps):
        sink[region] = (maps[0, 0] * 5 + 20).numpy()

    cut = restore_tiled(restorer, read, write, data.shape, tile=(64, 64))
    assert max(max(size) for size in sizes) <= 64 + 2 * max(cut.halo)
    y = (torch.from_numpy(data.astype(np.float32))[None, None] - 20) / 5
    expected = restore(measured(y), restorer).image * 5 + 20
    np.testing.assert_allclose(sink[:], expected[0, 0].numpy(), atol=1e-4)
