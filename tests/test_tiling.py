import itertools
from collections import Counter

import numpy as np
import pytest
import torch
from torch import nn

from pellucid._math.cut import Cut
from pellucid._math.halo import halo
from pellucid.errors import InputError
from pellucid.networks import UNet, initialise
from pellucid.tiling import Cancelled, apply_tiled, plan

CPU = torch.device("cpu")


def tiled(function, y, cut, **options):
    """Return the answer on y, (channel, *space), and how often each pixel was written."""
    answer, count = torch.full_like(y, torch.nan), torch.zeros(y.shape[1:])

    def write(region, part):
        answer[(slice(None), *region)] = part
        count[region] += 1

    final = apply_tiled(function, lambda region: y[(slice(None), *region)], write, cut, **options)
    return answer, count, final


def cut_of(network, y, tile):
    return plan(y.shape[1:], network.stride, halo(network, network.stride, like=y), CPU, tile)


@pytest.mark.parametrize(
    ("space", "tile", "options"),
    [
        ((93, 71), (16, 24), {}),
        ((93, 71), (16, 24), {"blur_pool": False, "top_skip": True}),
        ((101, 60), (24, 24), {"depth": 3}),
        ((90, 3), (20, 4), {"depth": 1}),
        ((5, 41, 39), (2, 16, 12), {"dims": 3, "depth": 1, "pool": (1, 2, 2)}),
        ((15, 21, 18), (4, 8, 10), {"dims": 3, "depth": 1, "blur_pool": False}),
    ],
)
def test_tiles_equal_the_whole(space, tile, options, rng):
    network = initialise(UNet((2, 2), features=4, **options), rng).double()
    y = torch.randn(2, *space, generator=rng, dtype=torch.float64)
    whole, _, _ = tiled(network, y, cut_of(network, y, space))
    parts, count, cut = tiled(network, y, cut_of(network, y, tile))
    assert len(cut.regions()) > 4
    assert count.min() == count.max() == 1
    torch.testing.assert_close(parts, whole, atol=1e-12, rtol=0)


def test_a_smaller_halo_would_show(rng):
    network = initialise(UNet((1, 1), features=4), rng).double()
    y = torch.randn(1, 80, 80, generator=rng, dtype=torch.float64)
    whole, _, _ = tiled(network, y, cut_of(network, y, (80, 80)))
    cut = cut_of(network, y, (16, 16))
    short = Cut(space=cut.space, stride=cut.stride, halo=tuple(h - 4 for h in cut.halo), tile=cut.tile)
    assert (tiled(network, y, short)[0] - whole).abs().max() > 1e-9


@pytest.mark.parametrize("stride", [1, 4])
@pytest.mark.parametrize("space", [(40, 25), (7, 3), (1, 30), (1, 1)])
def test_image_goes_on_as_its_mirror_image(space, stride, rng):
    """By numpy's reflection: up to the next multiple of the stride, then by the halo, but at most by a quarter."""
    kernel = torch.rand(1, 1, 5, 5, generator=rng, dtype=torch.float64)

    def function(block):
        return nn.functional.conv2d(block, kernel, padding=2)

    y = torch.randn(1, *space, generator=rng, dtype=torch.float64)
    depth = halo(function, (stride, stride), like=y)
    answer, _, _ = tiled(function, y, plan(space, (stride, stride), depth, CPU, (8, 8)))

    before = [min(d, -(-n // (4 * stride)) * stride) for n, d in zip(space, depth, strict=True)]
    pads = [(b, -n % stride + b) for n, b in zip(space, before, strict=True)]
    prolonged = function(torch.from_numpy(np.pad(y[0].numpy(), pads, mode="reflect"))[None])
    torch.testing.assert_close(answer, prolonged[:, before[0] :, before[1] :][:, : space[0], : space[1]])


def test_only_what_lies_in_the_image_is_read(rng):
    asked = []
    y = torch.randn(1, 50, 30, generator=rng)
    cut = plan((50, 30), (4, 4), (8, 8), CPU, (16, 16))

    def read(region):
        asked.append(region)
        return y[(slice(None), *region)]

    apply_tiled(lambda block: block, read, lambda region, part: None, cut)
    assert all(0 <= s.start < s.stop <= n for region in asked for s, n in zip(region, (50, 30), strict=True))
    assert max(s.stop - s.start for region in asked for s in region) <= 16 + 2 * 8


def test_channels_and_further_maps_are_kept(rng):
    y, out = torch.randn(3, 20, 10, generator=rng), torch.zeros(2, 3, 20, 10)

    def write(region, part):
        out[(..., *region)] = part

    def function(block):
        return torch.stack([block, 2 * block], 1)

    apply_tiled(function, lambda r: y[(slice(None), *r)], write, plan((20, 10), (1, 1), (0, 0), CPU, (8, 8)))
    assert torch.equal(out, torch.stack([y, 2 * y]))


@pytest.mark.parametrize("space", [(100, 70), (30, 24, 50)])
def test_blended_tiles_of_a_pixelwise_function_are_the_function(space, rng):
    y = torch.randn(1, *space, generator=rng, dtype=torch.float64)
    cut = plan(space, (1,) * len(space), None, CPU, (24,) * len(space))
    assert cut.blends
    answer, count, _ = tiled(lambda block: block.square(), y, cut)
    assert count.min() == count.max() == 1
    torch.testing.assert_close(answer, y.square(), atol=1e-12, rtol=0)


def test_blended_tiles_have_no_seams(rng):
    """Where tiles are off by constants of their own, neighbouring pixels differ by the slope of the ramp at most."""
    offsets = iter(torch.tensor([0.0, 1.0] * 50, dtype=torch.float64))
    y = torch.zeros(1, 24, 400, dtype=torch.float64)
    answer, _, cut = tiled(lambda block: block + next(offsets), y, plan((24, 400), (1, 1), None, CPU, (24, 80)))
    reach = cut.ramp[1]
    assert answer.min() == 0
    assert answer.max() == 1
    assert answer.diff(dim=2).abs().max() < 1.1 * np.pi / 2 / (2 * reach)


def test_one_tile_of_a_global_function_is_the_whole(rng):
    y = torch.randn(1, 30, 20, generator=rng)
    answer, _, _ = tiled(lambda block: block - block.mean(), y, plan((30, 20), (1, 1), None, CPU))
    torch.testing.assert_close(answer, y - y.mean())


class Limited:
    """Runs out of memory above a number of pixels."""

    def __init__(self, pixels, error):
        self.pixels, self.error, self.sizes = pixels, error, Counter()

    def __call__(self, block):
        self.sizes[block[0, 0].numel() <= self.pixels] += 1
        if block[0, 0].numel() > self.pixels:
            raise self.error
        return block + 1


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes."),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
        MemoryError(),
    ],
    ids=["cuda", "linux", "windows", "python"],
)
@pytest.mark.parametrize("depth", [(4, 4), None], ids=["local", "global"])
def test_tiles_shrink_until_memory_suffices(error, depth, rng):
    y = torch.randn(1, 128, 96, generator=rng)
    function = Limited(40 * 40, error)
    answer, count, cut = tiled(function, y, plan((128, 96), (4, 4), depth, CPU, (128, 96)))
    torch.testing.assert_close(answer, y + 1)
    assert count.min() == count.max() == 1
    assert cut.tile == (32, 24)
    assert function.sizes[False] <= 4


def test_memory_that_runs_out_midway_loses_nothing(rng):
    y = torch.randn(1, 96, 96, generator=rng)
    calls = itertools.count()

    def function(block):
        if next(calls) == 4:
            raise MemoryError
        return block + 1

    answer, count, cut = tiled(function, y, plan((96, 96), (1, 1), (2, 2), CPU, (32, 32)))
    torch.testing.assert_close(answer, y + 1)
    assert count.min() == count.max() == 1
    assert cut.tile == (16, 32)


@pytest.mark.parametrize("depth", [(4, 4), None])
def test_memory_that_never_suffices_is_said_plainly(depth, rng):
    y = torch.zeros(1, 64, 64)
    with pytest.raises(InputError, match="not enough memory to restore even a tile of 16 x 16 pixels"):
        tiled(Limited(10, MemoryError()), y, plan((64, 64), (1, 1), depth, CPU))


def test_other_errors_pass_through():
    function = Limited(10, RuntimeError("an illegal memory access was encountered"))
    with pytest.raises(RuntimeError, match="illegal memory access"):
        tiled(function, torch.zeros(1, 64, 64), plan((64, 64), (1, 1), (0, 0), CPU))


@pytest.mark.parametrize("depth", [(4, 4), None])
def test_progress_counts_pixels_up_to_all(depth):
    told = []
    cut = plan((70, 50), (1, 1), depth, CPU, (32, 32))
    tiled(lambda block: block, torch.zeros(1, 70, 50), cut, on_progress=lambda *facts: told.append(facts))
    done = [d for d, _ in told]
    assert done == sorted(set(done))
    assert told[-1] == (70 * 50, 70 * 50)
    assert len(told) > 2


@pytest.mark.parametrize("depth", [(4, 4), None])
def test_cancel_stops_before_the_next_tile(depth):
    calls = []

    def function(block):
        calls.append(block)
        return block

    cut = plan((96, 96), (1, 1), depth, CPU, (32, 32))
    with pytest.raises(Cancelled):
        tiled(function, torch.zeros(1, 96, 96), cut, cancel=lambda: len(calls) == 3)
    assert len(calls) == 3


def test_plan_takes_larger_tiles_for_a_deeper_halo_and_smaller_ones_for_less_memory(monkeypatch):
    def tile(depth, free, space=(9000, 9000)):
        monkeypatch.setattr("psutil.virtual_memory", lambda: type("Memory", (), {"available": free}))
        return plan(space, (4,) * len(space), depth, CPU).tile

    plenty = 2**40
    assert tile((28, 28), plenty) == (256, 256)
    assert tile((100, 100), plenty)[0] > 512
    assert tile((100, 100), 2**30)[0] < 512
    assert tile((28, 28), 0) == (64, 64)
    assert tile((28, 28, 28), plenty, (20, 900, 900))[0] == 20
    assert tile(None, plenty) == (6144, 6144)
    assert tile((28, 28), plenty, (50, 3)) == (52, 4)
    # half of the memory at 2 KiB a pixel
    assert (tile((28, 28, 28), 2**33, (900, 900, 900))[0] + 56) ** 3 * 2048 <= 2**32


def test_no_gradient_is_kept(rng):
    network = initialise(UNet((1, 1), features=2, depth=1), rng)
    y = torch.randn(1, 20, 20, generator=rng)
    seen = []
    apply_tiled(
        lambda block: seen.append(network(block)) or seen[-1],
        lambda region: y[(slice(None), *region)],
        lambda region, part: None,
        plan((20, 20), (2, 2), (12, 12), CPU),
    )
    assert not seen[0].requires_grad


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_cuda_device_gives_what_the_cpu_gives(rng):
    network = initialise(UNet((1, 1), features=4), rng)
    y = torch.randn(1, 200, 120, generator=rng)
    cut = cut_of(network, y, (64, 64))
    expected, _, _ = tiled(network, y, cut)
    answer, count, _ = tiled(network.cuda(), y, cut, device="cuda")
    assert count.min() == count.max() == 1
    torch.testing.assert_close(answer, expected, atol=1e-3, rtol=1e-3)


def test_a_function_may_know_which_tile_it_computes():
    y, told, out = torch.arange(120.0).view(1, 10, 12), [], torch.zeros(10, 12)
    cut = plan((10, 12), (1, 1), (2, 2), CPU, (4, 5))

    def function(block):
        region, inside = told[-1]
        out[region] = block[0, 0][inside]
        return block

    apply_tiled(function, lambda r: y[(slice(None), *r)], lambda *_: None, cut, begin=lambda *tile: told.append(tile))
    assert torch.equal(out, y[0])
    assert [region for region, _ in told] == cut.regions()
