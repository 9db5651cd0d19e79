"""X-ray tomography: the parallel-beam Radon transform, by the Fourier slice theorem."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil, hypot, pi, prod
from typing import Literal

import torch
from torch import Tensor

from pellucid._math.fft import good_size
from pellucid.errors import InputError
from pellucid.operators.base import LinearOperator, Operator, Rows, pick
from pellucid.operators.elementary import Sampling
from pellucid.operators.nufft import NonUniformFourier

Window = Literal["ramp", "shepp-logan", "cosine", "hamming", "hann"]
_WINDOWS: Mapping[str, Callable[[Tensor], Tensor]] = {  # of frequency, in cycles per detector bin
    "ramp": torch.ones_like,
    "shepp-logan": torch.sinc,
    "cosine": lambda f: torch.cos(pi * f),
    "hamming": lambda f: 0.54 + 0.46 * torch.cos(2 * pi * f),
    "hann": lambda f: 0.5 + 0.5 * torch.cos(2 * pi * f),
}
_MARGIN = 8  # bins between the detector and the next period of the shadow


class Radon(LinearOperator):
    r"""Line integrals of an image along parallel rays, in units of a pixel: (p)(θ, s) = ∫ x(r) δ(s − r·u_θ) dr.

    With u_θ = (cos θ, sin θ), the column running to the right and the row downwards, the ray of detector bin j crosses

        (column − (columns−1)/2) cos θ − (row − (rows−1)/2) sin θ = j − centre.

    By the Fourier slice theorem, the Fourier transform of a projection is a slice of that of the image, which a
    non-uniform FFT evaluates at half of the frequencies (the image is real):

        p(θ, j) = (1/M) Σ_{|m| ≤ M/2} e^{iσ_m (j − centre)} Σ_n x_n e^{−iσ_m u_θ·n},    σ_m = 2πm/M,

    the two terms at |m| = M/2 counting half, and M long enough that the period of the sum stays off the detector.

    Parameters
    ----------
    angles
        θ in radians, shape (1 or B, angle).
    space
        Rows and columns of the image.
    detector
        Number of bins, as wide as a pixel; unless given, enough for the diagonal of the image.
    centre
        Bin, counted from 0, on which the axis of rotation falls; shape (1 or B,) where it is a tensor, which can be
        differentiated. The middle of the detector unless given.
    window
        Damps high frequencies of the ramp filter of `backproject`.
    weights
        Part of the half circle that each angle stands for in `backproject`, shape (1 or B, angle); found from the
        angles unless given.

    Notes
    -----
    The discrete model is band-limited interpolation. Where pixels hold averages of the object over a pixel, it gives
    averages over a detector bin: sinc(k_x/2π) sinc(k_y/2π) and sinc(σ/2π) agree up to fourth order, so that no
    apodisation is needed. Sharp edges ring by a few percent next to them.

    A complex image is projected part by part. Several channels share the geometry.

    References
    ----------
    Natterer, "The Mathematics of Computerized Tomography", SIAM 2001. Zeng, "Revisit of the ramp filter", IEEE Trans.
    Nucl. Sci. 2015.

    Examples
    --------
    >>> radon = Radon(torch.tensor([[0.0, torch.pi / 2]]), space=(3, 3), detector=3)
    >>> image = torch.tensor([[[[0.0, 0.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.0, 0.0]]]])
    >>> [[round(value, 2) + 0.0 for value in row] for row in radon(image)[0, 0].tolist()]
    [[0.0, 1.0, 1.0], [0.0, 2.0, 0.0]]
    """

    angles: Tensor
    centre: Tensor
    weights: Tensor
    half_pixels: Tensor

    def __init__(
        self,
        angles: Tensor,
        *,
        space: tuple[int, int],
        detector: int | None = None,
        centre: float | Tensor | None = None,
        window: Window = "ramp",
        weights: Tensor | None = None,
    ) -> None:
        super().__init__()
        detector = detector or ceil(hypot(*space))
        middle = torch.as_tensor((detector - 1) / 2 if centre is None else centre, dtype=torch.float64).reshape(-1)
        _check(angles, window, middle, detector)
        self.register_buffer("angles", angles)
        self.register_buffer("centre", middle.to(angles.device))
        self.register_buffer("weights", angular_weights(angles) if weights is None else weights)
        self.space, self.detector, self.window = space, detector, window
        self.in_shape, self.out_shape = (None, *space), (None, angles.shape[1], detector)
        farthest = float(torch.maximum(middle, detector - 1 - middle).max())
        self.period = good_size(max(ceil(hypot(*space) / 2 + farthest), detector) + _MARGIN)
        sigma = self._frequencies()
        slices = torch.stack([-sigma * angles.sin()[..., None], sigma * angles.cos()[..., None]], 1)
        self.fourier = NonUniformFourier(slices.flatten(2), space=space)
        even = torch.tensor([0.5 * (n % 2 == 0) for n in space], dtype=slices.dtype, device=slices.device)
        turn = torch.einsum("d,bdak->bak", even, slices)[:, None]  # from the middle of the image to its pixel n // 2
        self.register_buffer("half_pixels", torch.stack([turn.cos(), -turn.sin()], -1))

    def forward(self, x: Tensor) -> Tensor:
        """Return the sinogram of x, (batch, channel, row, column) to (batch, channel, angle, detector)."""
        if x.is_complex():
            return torch.complex(self.forward(x.real), self.forward(x.imag))
        slices = self.fourier(x).unflatten(2, (self.angles.shape[1], -1))
        y: Tensor = torch.fft.irfft(slices * self._phase(x), self.period)[..., : self.detector]
        return y

    def adjoint(self, y: Tensor) -> Tensor:
        """Smear the sinogram y back over the image."""
        if y.is_complex():
            return torch.complex(self.adjoint(y.real), self.adjoint(y.imag))
        slices = torch.fft.rfft(y, self.period) * self._phase(y).conj()
        halves = torch.full_like(slices.real[0, 0, 0], 2 / self.period)  # the other half of the frequencies
        halves[0] = halves[-1] = 1 / self.period
        back: Tensor = self.fourier.adjoint((slices * halves).flatten(2)).real
        return back

    def backproject(self, y: Tensor) -> Tensor:
        """Return the filtered back-projection of y: ramp filter, weights of the angles, adjoint."""
        return self.adjoint(self.filter(y))

    def filter(self, y: Tensor) -> Tensor:
        """Return y convolved with the ramp filter, sampled in space (Ram-Lak), and weighted by angle.

        Beyond the detector y goes on as in its outermost bins, so that an object wider than the detector does not get a
        bright rim; where those bins see nothing that is zero.
        """
        if y.is_complex():
            return torch.complex(self.filter(y.real), self.filter(y.imag))
        length = good_size(2 * self.detector)
        before = (length - self.detector) // 2
        extended = torch.nn.functional.pad(y, (before, length - self.detector - before, 0, 0), mode="replicate")
        distance = torch.fft.fftfreq(length, 1 / length, dtype=y.dtype, device=y.device)
        ramp = torch.where(distance % 2 == 1, -1 / (pi * distance) ** 2, 0)
        ramp[0] = 0.25
        response = torch.fft.rfft(ramp).real * _WINDOWS[self.window](torch.fft.rfftfreq(length, device=y.device).to(y))
        filtered: Tensor = torch.fft.irfft(torch.fft.rfft(extended) * response, length)
        filtered = filtered[..., before : before + self.detector]
        return filtered * self.weights.to(y)[:, None, :, None]

    def views(self, indices: slice | Tensor) -> Radon:
        """Return the transform at some of the angles, by index, with weights of their own."""
        return self._with(self.angles[:, indices], self.centre)

    def restrict(self, keep: Tensor) -> Operator:
        """Return the transform that measures only where `keep` is not zero, with weights of the angles that remain.

        Parameters
        ----------
        keep
            Broadcastable to (batch, channel, angle, detector). An angle of which nothing is kept in an entry of the
            batch counts as not measured there.
        """
        shape = (*keep.shape[:2], self.angles.shape[1], self.detector)
        seen = (keep.expand(shape) != 0).any(3).any(1)
        return Sampling(keep) @ self.weighted(weights_of_kept(self.angles, seen))

    def weighted(self, weights: Tensor) -> Radon:
        """Return this transform with other weights of its angles, shape (1 or B, angle)."""
        return self._with(self.angles, self.centre, weights)

    def sirt_weights(self) -> tuple[Tensor, Tensor]:
        """Return 1 / row sums and 1 / column sums, (1 or B, 1, angle, detector) and (1 or B, 1, row, column).

        Sums below one pixel count as one.
        """
        batch = max(len(self.angles), len(self.centre))
        x = self.angles.new_ones(batch, 1, *self.space)
        y = self.angles.new_ones(batch, 1, self.angles.shape[1], self.detector)
        return 1 / self(x).clamp(min=1), 1 / self.adjoint(y).clamp(min=1)

    def __getitem__(self, rows: Rows) -> Radon:
        """Return the transform of some entries of the batch."""
        return self._with(pick(self.angles, rows), pick(self.centre, rows), pick(self.weights, rows))

    def _with(self, angles: Tensor, centre: Tensor, weights: Tensor | None = None) -> Radon:
        return Radon(
            angles, space=self.space, detector=self.detector, centre=centre, window=self.window, weights=weights
        )

    def _frequencies(self) -> Tensor:
        return torch.arange(self.period // 2 + 1, dtype=torch.float64, device=self.angles.device) * (
            2 * pi / self.period
        )

    def _phase(self, like: Tensor) -> Tensor:
        """Return √pixels e^{−iσ(centre + δ·u_θ)}, (1 or B, 1, angle, frequency)."""
        turn = -self._frequencies() * self.centre[:, None, None, None]
        about = torch.polar(torch.full_like(turn, prod(self.space) ** 0.5), turn)
        return torch.view_as_complex(self.half_pixels).to(like.dtype.to_complex()) * about.to(like.dtype.to_complex())


def angular_weights(angles: Tensor) -> Tensor:
    """Return the part of the half circle that each angle stands for: half the way to its two neighbours.

    The largest gap counts no more than the second largest: a range that was not scanned belongs to no angle.

    Parameters
    ----------
    angles
        In radians, any order, shape (1 or B, angle).

    Examples
    --------
    >>> angular_weights(torch.tensor([[0.0, 0.1, 0.3]]))
    tensor([[0.1500, 0.1500, 0.2000]])
    """
    if angles.shape[1] < 2:
        return torch.full_like(angles, pi)
    ordered, order = (angles % pi).sort(1)
    gaps = torch.cat([ordered, ordered[:, :1] + pi], 1).diff(dim=1)
    gaps = torch.minimum(gaps, gaps.topk(2, 1).values[:, 1:])
    return torch.zeros_like(angles).scatter(1, order, (gaps + gaps.roll(1, 1)) / 2)


def weights_of_kept(angles: Tensor, kept: Tensor) -> Tensor:
    """Return the angular weights of the angles that are kept in each entry of a batch, zero for the others.

    Parameters
    ----------
    angles
        Shape (1 or B, angle).
    kept
        Bool, shape (1 or B, angle).
    """
    batch = max(len(angles), len(kept))
    angles, kept = angles.expand(batch, -1), kept.expand(batch, -1)
    weights = torch.zeros_like(angles)
    for row, seen, angle in zip(weights, kept, angles, strict=True):
        row[seen] = angular_weights(angle[None, seen])[0]
    return weights


def _check(angles: Tensor, window: str, centre: Tensor, detector: int) -> None:
    if angles.ndim != 2 or not angles.shape[1] or not angles.isfinite().all():
        raise InputError(
            f"Angles are finite and have the shape (1 or batch, angle); these have the shape {tuple(angles.shape)}."
        )
    if window not in _WINDOWS:
        raise InputError(f"The window of the ramp filter is one of {', '.join(_WINDOWS)}; {window} is not.")
    outside = centre[~((centre >= 0) & (centre <= detector - 1))]
    if len(outside):
        raise InputError(
            f"The centre of rotation falls on bin {float(outside[0]):g}, off the detector, whose bins are 0 to "
            f"{detector - 1}: check its value."
        )
