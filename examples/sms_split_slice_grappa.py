"""Three slices at once, every second line: slice-GRAPPA, split-slice GRAPPA, and least squares with coil maps.

A multiband pulse excites several slices, and each coil c records their sum, every slice s moved by a phase ramp (CAIPI)
so that they overlap less,

    y_c = M Σ_s exp(2πi shift_s k_y) F (S_sc x_s).

Slice-GRAPPA learns, from scans of each slice alone, a kernel w_z that turns the sum into slice z. Split-slice GRAPPA
also asks that w_z makes nothing of the other slices, which the first one only hopes for:

    slice-GRAPPA          min |Σ_j A_j w − T_z|²
    split-slice GRAPPA    min Σ_j |A_j w − δ_jz T_z|²

The third way knows the coil maps S and inverts the equation itself. Here the truth is known, so both the error and the
leakage (what a slice leaves in the others when it is the only one that is bright) can be measured.
"""

import torch

from pellucid._math.fft import fft, ifft
from pellucid.data.prepare.coils import espirit
from pellucid.data.prepare.slice_grappa import slice_grappa
from pellucid.data.simulate.coils import birdcage_coils
from pellucid.data.simulate.ellipses import shepp_logan
from pellucid.operators.sms import SimultaneousMultiSlice, caipi_phases
from pellucid.solvers import conjugate_gradient

torch.set_num_threads(1)
rng = torch.Generator().manual_seed(0)
size, slices, coils, left_out, noise = 64, 3, 12, 2, 0.003

# three planes of a head, turned and scaled, with a texture of their own, seen by twelve coils in two rings
head = shepp_logan().image(size)[0, 0].float()
planes = torch.stack([head, head.rot90(2), head.flip(0) * 0.8])
texture = torch.nn.functional.avg_pool2d(torch.randn(slices, size, size, generator=rng), 5, 1, 2)
x = (planes * (1 + texture))[None].to(torch.complex64)
maps = birdcage_coils(coils, (9, size, size), rings=2)[0, :, 1::3].movedim(1, 0)[None]
shifts = torch.tensor([0.0, 1 / 3, 2 / 3], dtype=torch.float64)


def noisy(y):
    return y + noise * torch.randn(y.shape, dtype=y.dtype, generator=rng)


single = noisy(fft(x[0, :, None] * maps[0], 2))  # (slice, coil, row, column): the calibration scans
centre = single[..., size // 2 - 16 : size // 2 + 16, size // 2 - 16 : size // 2 + 16]
lines = (torch.arange(size) % left_out == 0)[None, None, :, None]
phases = caipi_phases(shifts, size)
instrument = SimultaneousMultiSlice(maps, phases=phases, mask=lines)
y = instrument.mask * noisy(instrument(x))

found_maps = torch.cat([espirit(part[None], (size, size)) for part in centre])[None]
sense = SimultaneousMultiSlice(found_maps, phases=phases, mask=lines)


def by_kernels(y, split):
    """Separate the slices in k-space, and combine the coils with the maps."""
    separate = slice_grappa(y, centre, shifts=shifts, split=split)
    return (ifft(separate, 2) * found_maps.conj()).sum(2)


def by_maps(y):
    """Solve the least-squares problem, with a small penalty on the energy of the image."""
    return conjugate_gradient(lambda x: sense.normal(x) + 1e-3 * x, sense.adjoint(y), iterations=50, tolerance=1e-4)


# what was measured, and for the leakage each slice as the only one that is bright, without noise
alone = torch.eye(slices).to(x.dtype)[:, :, None, None] * x
batch = torch.cat([y, instrument(alone)])
errors, leaks = {}, {}
for name, separate in {
    "slice-GRAPPA": lambda y: by_kernels(y, split=False),
    "split-slice GRAPPA": lambda y: by_kernels(y, split=True),
    "least squares": by_maps,
}.items():
    image, *ones = separate(batch).abs()
    errors[name] = float((image - x[0].abs()).norm() / x.norm())
    stray = sum(one[[k for k in range(slices) if k != z]].square().sum() for z, one in enumerate(ones))
    leaks[name] = float(stray.sqrt() / x.norm())
    print(f"{name:20} error {errors[name]:.3f}, leakage {leaks[name]:.3f}")
assert leaks["split-slice GRAPPA"] < 0.8 * leaks["slice-GRAPPA"]
assert max(errors.values()) < 0.3
