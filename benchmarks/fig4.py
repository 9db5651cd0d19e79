"""Functional MRI of simultaneous slices: split-slice GRAPPA beside networks that learned without any reference.

Simulation: five slices at once, every second line measured (ten-fold in all), CAIPI shifts of a fifth of the field of
view, 48 x 48, sixteen coils in four rings, complex noise of 0.03 a sample where tissue is 0.6 to 1; 80 frames of 2 s,
20 s of rest and of task in turn, 3 % more signal in active voxels, breathing in the phase, slow drift, a smooth phase
of each slice; one noisy single-band scan of each slice. Coil maps by ESPIRiT from its 24 x 24 centre.

- split-slice GRAPPA: kernels of 5 x 5 from all of the single-band scans, coils combined by their maps (the best of all
  sums where noise is white), Tikhonov 0.01, and 1 to show what tSNR alone is worth;
- SENSE: 30 conjugate gradients, penalty 0.005 of the energy;
- multi-mask SSDU: an unrolled network, trained on ten of the frames themselves, six divisions each, rho 0.4;
- supervised: the same network, trained as long on twelve frames of six other heads with their noiseless truth.

Settings come from another simulated head (seed 100). More penalty trades error of the mean image for tSNR without end,
so it was chosen where that error is the one that SSDU has there. The network is four unrolls of eight conjugate
gradients, with mu = 0.01 at the start; its proximal step is x + R(x), where R is a ResNet of three tied blocks of
sixteen features whose last weights start at a tenth: training starts from iterated Tikhonov.

`tsnr` is the median over the object of mean over standard deviation, after drifts and task were fitted away; `roc` the
area under the curve of the t-map in the object; `phase` the mean cosine of the phase error; `bias` the error of the
mean image over the truth; `change` the fitted signal change of active voxels (0.03 is right). `width`, `pixels` and
`height` are those of the mean response to 5 % more in one of twenty voxels of frame 0: full width at half maximum in
pixels, sum over maximum, and the part that is kept in place. Beside each way, split-slice GRAPPA is smoothed by a
Gaussian until its response is as wide: by the full width (`tsnr_width`, `roc_width`), and by the harder measure, the
sum over the maximum, which sees a faint wide foot too (`tsnr_pixels`, `roc_pixels`). The truth is the noiseless
object, seen through the estimated maps.

    python benchmarks/fig4.py [--seed 0] [--steps 200]
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_model, save_model
from scipy.ndimage import gaussian_filter
from scipy.optimize import brentq

from measuring import record
from pellucid._math.fft import ifft
from pellucid.data.measurement import Measurement, Repeated
from pellucid.data.prepare.coils import espirit
from pellucid.data.prepare.slice_grappa import slice_grappa
from pellucid.data.sampling import RandomSampling
from pellucid.data.scans import Scans
from pellucid.data.simulate.sms_fmri import multiband_series
from pellucid.data.splits import Repeats
from pellucid.metrics.temporal import (
    coherence,
    cosine_drifts,
    full_width,
    phase_correlation,
    roc_area,
    t_map,
    temporal_snr,
)
from pellucid.networks import Residual, ResNet
from pellucid.objectives import HeldOut, normalised_l1_l2
from pellucid.operators import Identity
from pellucid.operators.sms import SimultaneousMultiSlice
from pellucid.report.picture import DIVERGING, SEQUENTIAL, colour, grey, png, window
from pellucid.restorers import Unrolled
from pellucid.solvers import conjugate_gradient
from pellucid.training import Adam, Plan, fit
from table import show

SIZE, FRAMES, REACH = 48, 80, 8
TIKHONOV, PENALTY, STEPS, RATE = 0.01, 0.005, 200, 3e-3
LOCAL, PICTURE = (Path(__file__).parent / part for part in ("local", "../examples/pictures/fmri_sms.png"))


@dataclass(frozen=True)
class Case:
    """A simulated series, its instrument with estimated maps, and the truth as that instrument sees it."""

    series: object
    operator: SimultaneousMultiSlice
    truth: torch.Tensor
    object: torch.Tensor

    @property
    def courses(self):
        """What is expected of a voxel: the response and slow drifts."""
        return np.column_stack([self.series.response, cosine_drifts(len(self.truth), 2)])

    def inside(self, values):
        """Return the values in the object."""
        return values.flatten(-3)[..., self.object.flatten()]


def case(seed, frames=FRAMES):
    """Return the simulation of a seed."""
    series = multiband_series(torch.Generator().manual_seed(seed), size=SIZE, frames=frames)
    middle = slice(SIZE // 2 - 12, SIZE // 2 + 12)
    maps = espirit(series.single_band[..., middle, middle], (SIZE, SIZE))[None]
    instrument = series.instrument
    operator = SimultaneousMultiSlice(maps, phases=instrument.phases, mask=instrument.mask)
    seen = (instrument.coil_maps * maps.conj()).sum(2) * series.truth
    return Case(series, operator, seen, series.inside & (seen[0] != 0))


def by_kernels(this, tikhonov=TIKHONOV):
    """Return split-slice GRAPPA as a function of k-space."""
    series, maps = this.series, this.operator.coil_maps
    given = {"shifts": series.shifts, "tikhonov": tikhonov}
    return lambda y: (maps.conj() * ifft(slice_grappa(y, series.single_band, **given), 2)).sum(2)


def by_maps(this, penalty=PENALTY):
    """Return penalised least squares as a function of k-space."""
    normal, adjoint = this.operator.normal, this.operator.adjoint
    return lambda y: conjugate_gradient(lambda x: normal(x) + penalty * x, adjoint(y), iterations=30)


@dataclass(frozen=True)
class References:
    """Draws a frame of one of several heads, with its truth."""

    heads: list

    def draw(self, step):
        """Return (recording, truth)."""
        number = int(torch.randint(2 * len(self.heads), (1,), generator=step.rng))
        head, row = self.heads[number // 2], slice(30 * (number % 2), 30 * (number % 2) + 1)
        recording = Measurement(y=head.series.y[row], operator=head.operator)
        return Repeated.of((recording, Measurement(y=head.truth[row], operator=Identity())))


class Supervised(Repeats):
    """The recording is given, and its truth is held."""

    def __call__(self, batch, rng):
        """Return (recording, truth)."""
        return batch.shots


def learned(this, name, steps):
    """Return a network as a function of k-space; its weights are kept, and read where they are."""
    network = ResNet(2, features=16, blocks=3, tied=True).initialise(torch.Generator().manual_seed(0))
    with torch.no_grad():
        network.last.weight.mul_(0.1)
    model, path = (
        Unrolled(Residual(network), unrolls=4, iterations=8, penalty=0.01),
        LOCAL / f"fig4 {name} {steps}.safetensors",
    )
    if path.exists():
        load_model(model, path)
    else:
        if name == "supervised":
            source = References([case(1000 + number, 31) for number in range(6)])
            objective = HeldOut(Supervised(), normalised_l1_l2)
        else:
            some = slice(FRAMES // 20, None, FRAMES // 10)
            source = Scans([Measurement(y=this.series.y[some], operator=this.operator)])
            objective = HeldOut(RandomSampling(0.4, centre=4, masks=6), normalised_l1_l2)
        fit(model, objective, source, Plan(steps=steps, optimisers={"model": Adam(rate=RATE)}))
        LOCAL.mkdir(exist_ok=True)
        save_model(model, path)

    @torch.no_grad()
    def restored(y):
        return torch.cat([model(Measurement(y=part, operator=this.operator)) for part in y.split(4)])

    return restored


def response(this, restored):
    """Return what a planted change of single voxels becomes, the mean over voxels: (row, column)."""
    rng = torch.Generator().manual_seed(1)
    margin = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    margin[REACH:-REACH, REACH:-REACH] = True
    places = (this.object & margin).nonzero()
    chosen = places[torch.randperm(len(places), generator=rng)[:20]].tolist()
    planted = torch.zeros(20, *this.truth.shape[1:], dtype=this.truth.dtype)
    for one, (z, i, j) in zip(planted, chosen, strict=True):
        one[z, i, j] = 0.05 * this.truth[0, z, i, j]
    changed = restored(this.series.y[:1] + this.operator(planted)) - restored(this.series.y[:1])
    windows = [
        (change * point[z, i, j].conj() / point[z, i, j].abs() ** 2).real[
            z, i - REACH : i + REACH + 1, j - REACH : j + REACH + 1
        ]
        for change, point, (z, i, j) in zip(changed, planted, chosen, strict=True)
    ]
    return torch.stack(windows).mean(0).double().numpy()


def smoothed(images, sigma):
    """Return complex images after a Gaussian in the plane."""
    blur = [
        gaussian_filter(part.numpy(), (*[0] * (part.ndim - 2), sigma, sigma)) for part in (images.real, images.imag)
    ]
    return torch.complex(*map(torch.from_numpy, blur))


def pixels(kernel):
    """Return how many pixels a response covers: its sum over its maximum."""
    return float(kernel.sum() / kernel.max())


def widened(images, kernel, size, wanted):
    """Return images after the Gaussian that makes their response as large as wanted; as they are where it is so."""

    def short(sigma):
        return size(gaussian_filter(kernel, sigma)) - wanted

    return images if short(0) >= 0 else smoothed(images, brentq(short, 0, 4))


def judged(this, images):
    """Return the figures of a series, and its maps."""
    truth, inside = this.truth, this.object.numpy()
    active = this.series.active.numpy() & inside
    magnitude = images.abs().numpy()
    maps = {"tsnr": temporal_snr(magnitude, this.courses), "t": t_map(magnitude, this.series.response)}
    courses = np.column_stack([this.courses, np.ones(len(magnitude))])
    change = np.linalg.lstsq(courses, magnitude.reshape(len(magnitude), -1), rcond=None)[0][0].reshape(inside.shape)
    error = this.inside(images.mean(0) - truth.mean(0)).norm() / this.inside(truth.mean(0)).norm()
    figures = {
        "tsnr": float(np.median(maps["tsnr"][inside])),
        "roc": roc_area(maps["t"][inside], active[inside]),
        "phase": phase_correlation(this.inside(images), this.inside(truth)),
        "bias": float(error),
        "change": float(change[active].sum() / truth.abs().mean(0).numpy()[active].sum()),
    }
    return figures, maps | {"coherence": coherence(images)}


def rows(this, ways):
    """Yield the row of each way, its images, and its maps; the first is smoothed to the width of the others."""
    first, kernel = None, None
    for name, prepare in ways.items():
        restored = prepare()
        images, shape = torch.cat([restored(part) for part in this.series.y.split(8)]), response(this, restored)
        figures, maps = judged(this, images)
        first, kernel = (images, shape) if first is None else (first, kernel)
        figures |= {"width": full_width(shape), "pixels": pixels(shape), "height": float(shape[REACH, REACH])}
        for size, called in ((full_width, "width"), (pixels, "pixels")):
            beside = judged(this, widened(first, kernel, size, size(shape)))[0]
            figures |= {f"tsnr_{called}": beside["tsnr"], f"roc_{called}": beside["roc"]}
        yield {"way": name} | figures, images, maps


def panels(this, found):
    """Return the picture: for the truth and each way, one slice, its tSNR, its coherence and its t-map."""
    truth = judged(this, this.truth)[1]
    columns = [(this.truth, truth), *((images, maps) for _, images, maps in found)]
    z, inside = 2, this.object[2].numpy()
    shown = lambda name: [np.where(inside, maps[name][z], 0) for _, maps in columns]  # noqa: E731
    first = [images[0, z].abs().numpy() for images, _ in columns]
    snr, steady, t = shown("tsnr"), shown("coherence"), shown("t")
    lines = [
        [np.repeat(grey(plane, window(first[0]))[..., None], 3, -1) for plane in first],
        [colour(plane, (0.0, float(np.percentile(snr[1:], 99))), SEQUENTIAL) for plane in snr],
        [colour(plane, (0.9, 1.0), SEQUENTIAL) for plane in steady],
        [colour(plane, (-6.0, 6.0), DIVERGING) for plane in t],
    ]
    framed = [np.hstack([np.pad(p, ((1, 1), (1, 1), (0, 0)), constant_values=255) for p in line]) for line in lines]
    return png(np.kron(np.vstack(framed), np.ones((4, 4, 1), np.uint8)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=STEPS)
    chosen = parser.parse_args()
    print(__doc__)
    torch.set_num_threads(1)
    this = case(chosen.seed)
    ways = {
        "split-slice GRAPPA": lambda: by_kernels(this),
        "split-slice GRAPPA, Tikhonov 1": lambda: by_kernels(this, 1.0),
        "SENSE": lambda: by_maps(this),
        "multi-mask SSDU": lambda: learned(this, f"ssdu {chosen.seed}", chosen.steps),
        "supervised": lambda: learned(this, "supervised", chosen.steps),
    }
    found = []
    for one in rows(this, ways):
        found.append(one)
        print(
            {key: round(value, 4) if isinstance(value, float) else value for key, value in one[0].items()}, flush=True
        )
        if (chosen.seed, chosen.steps) == (0, STEPS):
            record.write("fig4", [row for row, *_ in found])
            PICTURE.write_bytes(panels(this, found))
    show("fig4")
    print(f"Truth, {', '.join(ways)}; image, tSNR, coherence of the phase, t: {PICTURE}")


if __name__ == "__main__":
    main()
