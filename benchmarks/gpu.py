"""Speed and memory on one CUDA device; without one this says so and ends.

Training: patches/s of 64 x 64, batch 128, out of a 1024 x 1024 image, by `fit` in bfloat16, against the same network
alone on a ready batch (same layout, precision, loss and fused Adam), in turns; the ratio is the median of the rounds.
Restoring: a float32 image in host memory to one in host memory, by `restore_tiled` with float16 autocast and one pass
of the network, against the network alone on a resident tile of the same size, halo counted as work. The best of the
rounds; the first call, which probes the halo and sets up cuDNN, is given apart.
Networks: the U-Net of depth 2 and 32 features with 332,641 parameters, and that of N2V2, Pellucid's default. Both are
measured with and without the tuning of cuDNN (torch.backends.cudnn.benchmark). TF32 is off.
Memory: the most that PyTorch had allocated on the device.

    python benchmarks/gpu.py [--sides 8192 16384] [--rounds 3] [--results FOLDER]

Where Pellucid is not installed, put `src` on PYTHONPATH; PyTorch, SciPy, psutil and safetensors are all it needs here.
A copy without Git takes the commit that it records from the environment variable PELLUCID_COMMIT.
"""

import argparse
from pathlib import Path

import torch

from measuring import record
from measuring.bare import Contest, clock
from pellucid.data.measurement import Measurement
from pellucid.methods.noise2void import noise2void
from pellucid.networks import UNet, initialise
from pellucid.operators import Identity
from pellucid.restoration import restore_tiled
from pellucid.restorers import Enhancer
from table import show

BOTH = {"332,641": {"blur_pool": False, "top_skip": True}, "N2V2": {}}
BATCH = 128


def network(name, device):
    """Return one of the two networks, as the methods lay it out."""
    net = initialise(UNet((1, 1), features=32, depth=2, **BOTH[name]), torch.Generator().manual_seed(0))
    return net.to(device, memory_format=torch.channels_last)


def training(net, device, rounds):
    """Return the row of training a network."""
    y = torch.randn(1, 1, 1024, 1024, generator=torch.Generator(device).manual_seed(0), device=device)
    data = Measurement(y=y, operator=Identity(), weight=torch.ones_like(y, dtype=torch.bool))
    (stage,) = noise2void(data, rng=torch.Generator().manual_seed(0), batch=BATCH).stages
    stage.model.network = net
    torch.cuda.reset_peak_memory_stats()
    row = Contest(stage, data, torch.bfloat16).run(rounds, seconds=1.0)
    speeds = {key: BATCH * row[key] for key in ("fit", "bare")}
    return row | speeds | {"peak_gib": torch.cuda.max_memory_allocated() / 2**30}


def restoring(net, device, side, rounds):
    """Return the row of restoring an image, host to host."""
    restorer, image = Enhancer(net), torch.randn(1, side, side, generator=torch.Generator().manual_seed(0))
    restored = torch.ones_like(image)  # its memory is there before the clock runs

    def write(region, maps):
        restored[(slice(None), *region)] = maps[0]

    def whole():
        start = clock(device)
        cut = restore_tiled(restorer, lambda region: image[(slice(None), *region)], write, (side, side), device=device)
        return clock(device) - start, cut

    torch.cuda.reset_peak_memory_stats()
    with torch.autocast(device.type, torch.float16):
        first, cut = whole()
        tiled = side**2 / min(whole()[0] for _ in range(rounds)) / 1e6
        peak = torch.cuda.max_memory_allocated() / 2**30
        bare = resident(net, [t + 2 * h for t, h in zip(cut.tile, cut.halo, strict=True)], device, side**2, rounds)
    sizes = {"image": side, "tile": cut.tile[0], "halo": cut.halo[0]}
    return sizes | {"tiled": tiled, "bare": bare, "ratio": tiled / bare, "first_seconds": first, "peak_gib": peak}


@torch.no_grad()
def resident(net, shape, device, pixels, rounds):
    """Return the megapixels a second of a network alone, on one tile that stays on the device."""
    tile = torch.randn(1, 1, *shape, generator=torch.Generator(device).manual_seed(0), device=device)
    calls, seconds = max(1, pixels // tile.numel()), []
    for _ in range(rounds + 1):
        start = clock(device)
        for _ in range(calls):
            net(tile)
        seconds.append(clock(device) - start)
    return calls * tile.numel() / min(seconds) / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", type=int, nargs="+", default=[8192, 16384])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--results", type=Path, default=record.RESULTS)
    chosen = parser.parse_args()
    if not torch.cuda.is_available():
        print("There is no CUDA device here; nothing was measured.")
        return
    print(__doc__)
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    device, machine = torch.device("cuda"), torch.cuda.get_device_name()
    rows = {"gpu_training": [], "gpu_restoring": []}
    for tuning in ("off", "on"):
        torch.backends.cudnn.benchmark = tuning == "on"
        for name in BOTH:
            case, net = {"network": name, "tuning": tuning}, network(name, device)
            for side in chosen.sides:
                rows["gpu_restoring"].append(case | restoring(net, device, side, chosen.rounds))
            rows["gpu_training"].append(case | training(net, device, chosen.rounds))
    for name, lines in rows.items():
        record.write(name, lines, machine, chosen.results)
        show(name, chosen.results)


if __name__ == "__main__":
    main()
