"""Split-slice GRAPPA."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid._math.fft import ifft
from pellucid.data.measurement import Measurement
from pellucid.data.prepare.slice_grappa import Multiband, slice_grappa
from pellucid.errors import InputError
from pellucid.methods.method import Card, Method
from pellucid.operators.sms import SimultaneousMultiSlice
from pellucid.restorers import Restorer

CARD = Card(
    title="Split-slice GRAPPA",
    needs="measurements",
    assumes="simultaneous slices on a grid, and a scan of each alone",
    independent=False,
    stabilise=False,
    gives="image",
    equation="min_w Σ_j |A_j w − δ_jz T_z|² + λ|w|², x_z = Σ_c s*_zc F* w_zc y",
    paper="Setsompop et al., MRM 2012; Cauley, Polimeni, Bhat, Wald, Setsompop, MRM 2014",
)


class _SplitSlice(Restorer):
    """Kernels in k-space, and the coils combined by their maps: with white noise, the best of the sums of coils."""

    whole = True

    def __init__(self, kernel: int, tikhonov: float) -> None:
        super().__init__()
        self.kernel, self.tikhonov = kernel, tikhonov

    def forward(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the slices, (batch, slice, row, column)."""
        operator, single = given.operator, given if isinstance(given, Multiband) else None
        if single is None or not isinstance(operator, SimultaneousMultiSlice):
            raise InputError(
                "split_slice_grappa needs Cartesian slices that were measured together in one shot, and scans of each "
                "alone: give them with --modality sms --single-band, or use --method cg."
            )
        calibration, shifts = single.single_band.to(given.y), single.shifts
        kernel = (self.kernel, self.kernel)
        kspace = slice_grappa(given.y, calibration, shifts=shifts, kernel=kernel, tikhonov=self.tikhonov)
        return (operator.coil_maps.conj() * ifft(kspace, 2)).sum(2)


def split_slice_grappa(
    example: Measurement, *, rng: torch.Generator, kernel: int = 5, tikhonov: float = 0.01
) -> Method:
    """Pull simultaneous slices apart by convolutions that were found from scans of each slice alone.

    Parameters
    ----------
    example
        Of the Cartesian multi-slice instrument, with the scans of each slice alone.
    rng
        Draws nothing.
    kernel
        Samples of a patch of k-space along each axis, an odd number.
    tikhonov
        λ over the mean squared norm of a column of the patches.

    Returns
    -------
    Method
        Without stages.

    Raises
    ------
    InputError
        At restoring, where there are no scans of each slice alone, or the rows are not at equal distances.

    References
    ----------
    Cauley, Polimeni, Bhat, Wald, Setsompop, "Interslice leakage artifact reduction technique for simultaneous
    multislice acquisitions", Magnetic Resonance in Medicine 72, 2014.
    """
    restorer = _SplitSlice(kernel, tikhonov)
    return Method(model=restorer, restorer=restorer, card=CARD)
