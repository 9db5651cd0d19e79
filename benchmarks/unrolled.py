"""The unrolled network: what a training step costs, what it keeps, and how its gradient is found.

speed: one step of SSDU (split, forward, loss, backward, Adam) against a lower bound in plain PyTorch: the same network
and weights, the same alternation and fixed conjugate gradients through which autograd goes back, on masks, maps and a
first image that are ready, without units or norms. `ours` goes back through the iterations as well; `implicit`, the
default, solves once more. They take turns in rounds; seconds are those of the processor for this process (of the clock
on a GPU), the median round counts, and the ratio is lower bound / ours. Memory is what the step adds at most to the
resident size of a process of its own, whose allocator gives back what is freed (to the allocated memory of the GPU);
below 0.2 GiB it is rather what starting the process took.

memory: the estimate beside the truth, for one step with and without checkpoints, in a process of its own.

gradient: simulated brains, 64 x 64, 8 coils, an acceleration of 4, noise of 2 %, the `lite` network; a fixed number of
steps by SSDU for each way back and each start of conjugate gradients; mean of three seeds. The PSNR is that of other
slices. `from zero` starts conjugate gradients as the paper does.

start: relative error of the image that data consistency returns in the last unroll of a trained network, against its
minimiser, by the number of iterations and by where they start.

    python benchmarks/unrolled.py [speed | memory | gradient | start] [--device cpu] [--rounds 3] [--steps 300]
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

import psutil
import torch

from measuring import record
from pellucid._math import seeds
from pellucid.data.measurement import Measurement
from pellucid.data.sampling import RandomSampling
from pellucid.data.scans import Scans
from pellucid.data.simulate.brains import random_brain
from pellucid.data.simulate.coils import birdcage_coils
from pellucid.data.simulate.sampling import regular_lines
from pellucid.data.source import Step
from pellucid.metrics import psnr
from pellucid.networks import ResNet
from pellucid.objectives import HeldOut, normalised_l1_l2
from pellucid.operators import Sense
from pellucid.restorers import Unrolled
from pellucid.solvers import conjugate_gradient, implicit_conjugate_gradient
from pellucid.training import Adam, Plan, fit
from table import show

NETWORKS = {"lite": (5, 5, 16, 4), "paper": (10, 10, 64, 15)}  # unrolls, iterations, features, blocks


def built(name, rng, **options):
    """Return an unrolled network of one of the two sizes."""
    unrolls, iterations, features, blocks = NETWORKS[name]
    network = ResNet(2, features=features, blocks=blocks, tied=True).initialise(rng)
    return Unrolled(network, unrolls=unrolls, iterations=iterations, **options)


def scan(size, coils, slices, rng, noise=0.02):
    """Return brains, and their k-space at an acceleration of 4."""
    x = torch.cat([random_brain(size, rng)[:1] for _ in range(slices)]).reshape(slices, 1, size, size)
    x = x.to(torch.complex64) / x.abs().amax()
    operator = Sense(birdcage_coils(coils, (size, size)), regular_lines((size, size), 4, size // 12 * 2))
    y = operator(x)
    y = y + noise * operator.mask * torch.randn(y.shape, dtype=y.dtype, generator=rng)
    return x, Measurement(y=y, operator=operator)


def ours(model, batch, adam):
    """Return a function that makes one step of SSDU."""
    objective, source = HeldOut(RandomSampling(0.4), normalised_l1_l2), Scans([batch])

    def step(index):
        rng = seeds.generator(batch.y.device, index)
        at = Step(index, 0.0, rng)
        loss = objective.terms(model, source.draw(at), at)["held_out"]
        adam.zero_grad()
        loss.backward()
        adam.step()

    return step


def bare(model, batch, adam):
    """Return a function that makes the same step in plain PyTorch, from what is ready."""
    y, mask = batch.y, batch.operator.mask
    maps = torch.fft.ifftshift(batch.operator.coil_maps, (-2, -1))
    theta = mask * (torch.rand(mask.shape, generator=seeds.generator(mask.device, 0), device=mask.device) > 0.4)
    y, theta, weight = (torch.fft.ifftshift(part, (-2, -1)) for part in (y, theta, mask - theta))
    back = (maps.conj() * torch.fft.ifft2(theta * y, norm="ortho")).sum(1, keepdim=True)
    scale = back.abs().amax()
    back, target = back / scale, torch.view_as_real(weight * y / scale)

    def normal(x):
        seen = torch.fft.ifft2(theta * torch.fft.fft2(maps * x, norm="ortho"), norm="ortho")
        return (maps.conj() * seen).sum(1, keepdim=True)

    def square(a):
        return torch.view_as_real(a).square().sum()

    def solve(b, x, mu):
        r = b - normal(x) - mu * x
        p, rr = r, square(r)
        for _ in range(model.iterations):
            q = normal(p) + mu * p
            alpha = rr / (torch.view_as_real(p) * torch.view_as_real(q)).sum()
            x, r = x + alpha * p, r - alpha * q
            rr, last = square(r), rr
            p = r + rr / last * p
        return x

    def step(index):
        x, mu = back, model.penalty
        for _ in range(model.unrolls):
            z = model.proximal[0](torch.view_as_real(x[:, 0]).permute(0, 3, 1, 2))
            z = torch.view_as_complex(z.permute(0, 2, 3, 1).contiguous())[:, None]
            x = solve(back + mu * z, z, mu)
        off = torch.view_as_real(weight * torch.fft.fft2(maps * x, norm="ortho")) - target
        loss = off.norm() / target.norm() / 2 + off.abs().sum() / target.abs().sum() / 2
        adam.zero_grad()
        loss.backward()
        adam.step()

    return step


CONTENDERS = {
    "bare": (bare, {"checkpointing": False}),
    "ours": (ours, {"checkpointing": False, "implicit": False}),
    "implicit": (ours, {"checkpointing": False}),
    "checkpoints": (ours, {"checkpointing": True}),
}


def contender(name, preset, size, coils, device):
    """Return the step of a contender, and its model with a batch of one slice."""
    rng = torch.Generator().manual_seed(0)
    _, batch = scan(size, coils, 1, rng)
    make, options = CONTENDERS[name]
    model = built(preset, rng, **options).to(device)
    batch = Measurement(y=batch.y.to(device), operator=batch.operator.to(device))
    adam = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True)
    return make(model, batch, adam), model, batch


def clock(device):
    if device != "cuda":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def highest(device):
    """Return the most bytes so far."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def alone(name, preset, size, coils, device):
    """Make one step in this process; return its seconds, the bytes it adds at most, and the estimate."""
    contender(name, preset, 16, coils, device)[0](0)  # loads what is loaded once
    step, model, batch = contender(name, preset, size, coils, device)
    before = torch.cuda.memory_allocated() if device == "cuda" else psutil.Process().memory_info().rss
    start = clock(device)
    step(0)
    seconds, known = clock(device) - start, model.memory(batch)
    return {"seconds": seconds, "peak": highest(device) - before, "estimate": known.needed, "told": str(known)}


def in_a_process(*case):
    """Return what `alone` does in a new process."""
    run = [sys.executable, __file__, "alone", *map(str, case)]
    exact = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}  # what is freed goes back at once
    done = subprocess.run(run, check=True, capture_output=True, text=True, env=exact)
    return json.loads(done.stdout.splitlines()[-1])


def speed(chosen):
    """Write seconds and memory of a step beside the lower bound."""
    names, rows = ["bare", "ours", "implicit"], []
    for preset, size, coils in [("lite", 64, 8), ("lite", 128, 8), ("paper", 64, 8)]:
        steps = {name: contender(name, preset, size, coils, chosen.device)[0] for name in names}
        seconds = {name: [] for name in names}
        for index in range(chosen.rounds + 1):
            for name in names:
                start = clock(chosen.device)
                steps[name](index)
                seconds[name].append(clock(chosen.device) - start)
        found = {name: statistics.median(times[1:]) for name, times in seconds.items()}
        gib = {name: in_a_process(name, preset, size, coils, chosen.device)["peak"] / 2**30 for name in names}
        row = {"network": preset, "size": size, "coils": coils, "rounds": chosen.rounds}
        row |= {f"{name}_seconds": found[name] for name in names} | {f"{name}_gib": gib[name] for name in names}
        row |= {f"{name}_ratio": found["bare"] / found[name] for name in names[1:]}
        rows.append(row)
    record.write("unrolled_speed", rows)


def memory(chosen):
    """Write the estimate beside the peak of one step."""
    rows = []
    for name, preset, size, coils in [
        ("implicit", "paper", 96, 8),
        ("checkpoints", "paper", 96, 8),
        ("checkpoints", "paper", 320, 15),
    ]:
        told = in_a_process(name, preset, size, coils, chosen.device)
        print(told["told"])
        row = {"way": name, "network": preset, "size": size, "coils": coils, "seconds": told["seconds"]}
        gib = {"estimate_gib": told["estimate"] / 2**30, "peak_gib": told["peak"] / 2**30}
        rows.append(row | gib | {"ratio": told["estimate"] / told["peak"]})
    record.write("unrolled_memory", rows)


def trained(train, seed, steps, device, way):
    """Return a small network after some steps of SSDU, its processor seconds a step, and its last mean loss."""
    model = built("lite", torch.Generator().manual_seed(seed), implicit=way != "iterations").to(device)
    if way == "implicit, from zero":
        model.solve = lambda normal, b, x, iterations: implicit_conjugate_gradient(normal, b, iterations=iterations)
    objective = HeldOut(RandomSampling(0.4, density="gaussian", centre=4, masks=1), normalised_l1_l2)
    plan = Plan(steps=steps, seed=seed, optimisers={"model": Adam(rate=3e-3)})
    start = clock(device)
    history = fit(model, objective, Scans([train]), plan)
    return model, (clock(device) - start) / steps, history.rows[-1]["held_out"]


def gradient(chosen):
    """Write what the way back and the start of conjugate gradients make of training."""
    rows = []
    for way in ("iterations", "implicit", "implicit, from zero"):
        found = []
        for seed in range(3):
            rng = torch.Generator().manual_seed(100 + seed)
            (_, train), (truth, test) = (scan(64, 8, count, rng) for count in (16, 8))
            model, seconds, loss = trained(train, seed, chosen.steps, chosen.device, way)
            with torch.no_grad():
                quality = psnr(model(test).abs(), truth.abs(), 1.0)
            found.append((seconds, loss, quality, float(model.penalty.detach())))
        means = [statistics.mean(column) for column in zip(*found, strict=True)]
        names = ("seconds", "loss", "psnr", "penalty")
        rows.append({"way": way, "steps": chosen.steps} | dict(zip(names, means, strict=True)))
    record.write("unrolled_gradient", rows)


def start(chosen):
    """Write how near the minimiser conjugate gradients come."""
    _, train = scan(64, 8, 16, torch.Generator().manual_seed(100))
    model, _, _ = trained(train, 0, chosen.steps, chosen.device, "implicit")
    seen = {}

    def keep(normal, b, x, iterations):
        seen.update(normal=normal, b=b, z=x)
        return conjugate_gradient(normal, b, x=x, iterations=iterations)

    model.solve, rows = keep, []
    with torch.no_grad():
        model(train)
        normal, b, z = seen["normal"], seen["b"], seen["z"]
        exact = conjugate_gradient(normal, b, iterations=200)
        for iterations in (0, 1, 2, 3, 5, 7, 10, 15, 20):
            row = {"iterations": iterations}
            for name, first in (("from_z", z), ("from_zero", torch.zeros_like(z))):
                found = conjugate_gradient(normal, b, x=first, iterations=iterations)
                row[name] = float((found - exact).norm() / exact.norm())
            rows.append(row)
    record.write("unrolled_start", rows)


PARTS = {"speed": speed, "memory": memory, "gradient": gradient, "start": start}


def main():
    if sys.argv[1:2] == ["alone"]:
        name, preset, size, coils, device = sys.argv[2:]
        print(json.dumps(alone(name, preset, int(size), int(coils), device)))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", choices=PARTS)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=300)
    chosen = parser.parse_args()
    print(__doc__)
    for part in [chosen.part] if chosen.part else PARTS:
        PARTS[part](chosen)
        show(f"unrolled_{part}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
