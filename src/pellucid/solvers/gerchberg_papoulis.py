"""Gerchberg-Papoulis: what was measured and what is known of the object take turns."""

from __future__ import annotations

from torch import Tensor

from pellucid.solvers.progress import Map, Progress, Watch


def gerchberg_papoulis(
    replace: Map, constrain: Map, x: Tensor, *, iterations: int, tolerance: float = 0.0, watch: Watch | None = None
) -> Tensor:
    """Fill what was not measured by alternating projections, x ← C(M x).

    Parameters
    ----------
    replace
        M: puts the measured data back, such as x -> IFFT(y where measured, else FFT(x)).
    constrain
        C: what is known of the object, such as x -> x.real.clamp(min=0) on its support.
    x
        Where to start, shape (batch, channel, *space).
    iterations, tolerance, watch
        At most so many; until the relative change is as small; who is told.

    Returns
    -------
    Tensor
        x, which keeps what is known; a point in both sets where they meet, as the iterations grow.

    References
    ----------
    Gerchberg, "Super-resolution through error energy reduction", Optica Acta 21, 1974.
    Papoulis, "A new algorithm in spectral analysis and band-limited extrapolation", 1975.
    """
    progress = Progress(iterations, tolerance, watch)
    for k in range(iterations):
        last, x = x, constrain(replace(x))
        if progress.due(k) and progress.settled(k, x - last, x):
            break
    return x
