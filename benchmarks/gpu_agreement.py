"""Agreement: answers of one CUDA device against those of the CPU; without one this says so and ends.

`restore` on the GPU against float32 on the CPU, in grey levels of a detector with gain 2, for a Noise2Void and a
Noise2Self (posterior, averaged over flips) trained for 200 steps, in three precisions; and the variance stabiliser
there and back. TF32 is off.

    python benchmarks/gpu_agreement.py [--results FOLDER]

What it needs is as in gpu.py.
"""

import argparse
import copy
from pathlib import Path

import torch
import torch.nn.functional as F

from measuring import record
from pellucid.data.measurement import Measurement
from pellucid.data.patches import Patches
from pellucid.data.prepare import Standardisation
from pellucid.methods.noise2self import noise2self
from pellucid.methods.noise2void import noise2void
from pellucid.noise import PoissonGaussian
from pellucid.operators import Identity
from pellucid.restoration import restore
from pellucid.restorers import Recorded
from pellucid.training import Plan, fit
from table import show


def counts(device):
    """Return a smooth image of photons as a detector records it, and how it is standardised."""
    rng = torch.Generator().manual_seed(0)
    smooth = F.avg_pool2d(torch.rand(1, 1, 308, 308, generator=rng), 9, 1)
    z = 20 + 120 * (smooth - smooth.min()) / (smooth.max() - smooth.min())
    noise = PoissonGaussian(2.0, 10.0, 3.0)
    y = noise.sample(z, rng)
    return y.to(device), Standardisation.of(y, noise, stabilise=True).to(device)


def trained(method, y, units):
    """Return a method that was trained a little, in recorded units."""
    data = Measurement(y=units(y), operator=Identity(), noise=units.noise)
    made = method(data, rng=torch.Generator().manual_seed(0))
    (stage,) = made.stages
    plan = Plan(steps=200, optimisers={"model": stage.adam}, precision=torch.bfloat16)
    fit(stage.model, stage.objective, Patches(data=data, patch=stage.patch, batch=stage.batch), plan)
    return Recorded(made.restorer, units)


def agreement(device):
    """Return how far answers of the device lie from those of the CPU, by subject and precision."""
    y, units = counts(device)
    on_cpu = copy.deepcopy(units).cpu()
    pairs = {
        ("stabiliser", "float32"): (units(y), on_cpu(y.cpu())),
        ("stabiliser and inverse", "float32"): (units.inverse(units(y)), on_cpu.inverse(on_cpu(y.cpu()))),
    }
    for name, method in {"Noise2Void": noise2void, "Noise2Self": noise2self}.items():
        restorer = trained(method, y, units)
        reference = restore(Measurement(y=y.cpu(), operator=Identity()), copy.deepcopy(restorer).cpu()).image
        for precision in (torch.float32, torch.float16, torch.bfloat16):
            with torch.autocast(device.type, precision, enabled=precision != torch.float32):
                image = restore(Measurement(y=y, operator=Identity()), restorer).image
            pairs[name, str(precision).removeprefix("torch.")] = (image, reference)
    return [{"subject": s, "precision": p} | difference(a.cpu(), b) for (s, p), (a, b) in pairs.items()]


def difference(a, b):
    """Return the largest difference, its root mean square, and that of the values."""
    rms, scale = (float(t.double().square().mean().sqrt()) for t in (a - b, b))
    return {"largest": float((a - b).abs().max()), "rms": rms, "scale": scale, "relative": rms / scale}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=record.RESULTS)
    results = parser.parse_args().results
    if not torch.cuda.is_available():
        print("There is no CUDA device here; nothing was measured.")
        return
    print(__doc__)
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    record.write("gpu_agreement", agreement(torch.device("cuda")), torch.cuda.get_device_name(), results)
    show("gpu_agreement", results)


if __name__ == "__main__":
    main()
