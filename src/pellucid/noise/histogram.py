"""A table of what is recorded for each signal: the noise model that assumes least."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.noise.base import NoiseModel
from pellucid.noise.estimate import photon_transfer_pairs

Array = NDArray[np.float64]

_ROWS, _COLUMNS = 192, 256
_REACH = 6  # standard deviations by which the columns go beyond the signals
_PRIOR = 100  # pairs that the normal density counts as, in each row
_OUTLIERS = 1e-6  # of all values, spread evenly over the columns


class Histogram(NoiseModel):
    """p(y | z) = (1 - f) P_i(y) + f P_{i+1}(y), with f = (z - z_i) / (z_{i+1} - z_i): interpolated along the signal.

    P_i is the histogram of what was recorded where the signal was z_i; between the edges of a column it is constant.
    So the gradient in z exists.

    Parameters
    ----------
    signals
        z_i, ascending, shape (rows,).
    edges
        Of the columns, ascending, shape (columns + 1,).
    mass
        Chance of each column, shape (rows, columns); each row is made to sum to one.

    Notes
    -----
    A signal beyond the table counts as its first or last, a recorded value as in its first or last column.

    References
    ----------
    Krull, Vičar, Prakash, Lalit, Jug, "Probabilistic Noise2Void: unsupervised content-aware denoising", Frontiers in
    Computer Science 2, 2020.
    """

    signals: Tensor
    edges: Tensor
    mass: Tensor

    def __init__(self, signals: Tensor, edges: Tensor, mass: Tensor) -> None:
        super().__init__()
        self.register_buffer("signals", signals)
        self.register_buffer("edges", edges)
        self.register_buffer("mass", mass / mass.sum(1, keepdim=True))

    @classmethod
    def blank(cls) -> Histogram:
        """Return a table of the size that `fit` makes, for its state to be loaded."""
        signals, edges = torch.linspace(0, 1, _ROWS), torch.linspace(0, 1, _COLUMNS + 1)
        return cls(signals, edges, torch.ones(_ROWS, _COLUMNS))

    @classmethod
    def of(cls, noise: NoiseModel, low: float, high: float) -> Histogram:
        """Return a table of another noise model, for signals from `low` to `high`: quicker where that is a long sum."""

        def variance(z: Array) -> Array:
            return noise.variance(torch.from_numpy(z)).cpu().numpy()

        signals, edges = _axes(variance, low, high)
        centre = (edges[1:] + edges[:-1]) / 2
        rows = torch.stack([noise.log_prob(centre, z.expand_as(centre)) for z in signals]).exp() * edges.diff()
        return cls(signals, edges, _with_outliers(rows)).float()

    @classmethod
    def fit(cls, signal: Tensor, observed: Tensor) -> Histogram:
        """Count recorded values for each signal.

        Parameters
        ----------
        signal, observed
            Noiseless values and what was recorded of them, of one shape.

        Raises
        ------
        InputError
            Where there are fewer than a thousand pairs, or they hold no noise, or one signal only.

        Notes
        -----
        Departures from the paper: rows and columns are as dense as the noise is narrow, so that the table suits
        16-bit data with dim and bright parts. A pair counts in both rows around its signal, by its distance from each,
        with its noise added to the signal of the row. Each row also has the counts that a hundred pairs would have if
        the noise were normal, with the variance of photon transfer: signals that were recorded but never occurred
        fall back on that. One value in a million may be anywhere.
        """
        z, y = (a.detach().flatten().double().cpu() for a in (signal, observed))
        transfer = photon_transfer_pairs(z.numpy(), y.numpy())
        low, high = min(float(z.min()), float(y.min())), max(float(z.max()), float(y.max()))
        signals, edges = _axes(transfer.variance_at, low, high)
        table = cls(signals, edges, torch.ones(_ROWS, _COLUMNS, dtype=torch.float64))
        row, part = table._row(z)
        counts = torch.zeros(_ROWS * _COLUMNS, dtype=torch.float64)
        for at, weight in ((row, 1 - part), (row + 1, part)):
            counts.index_add_(0, at * _COLUMNS + table._column(y - z + signals[at]), weight)
        deviation = torch.from_numpy(transfer.variance_at(signals.numpy())).sqrt()[:, None]
        below = torch.special.ndtr((edges - signals[:, None]) / deviation)
        rows = counts.view(_ROWS, _COLUMNS) + _PRIOR * below.diff(dim=1)
        return cls(signals, edges, _with_outliers(rows)).to(signal.device, signal.dtype)

    def log_prob(self, y: Tensor, z: Tensor) -> Tensor:
        """Log density of y given z, entry by entry."""
        row, part = self._row(z)
        column = self._column(y)
        first, second = self.mass[row, column], self.mass[row + 1, column]
        density = torch.lerp(first, second, part) / (self.edges[column + 1] - self.edges[column])
        return torch.where(y.isnan(), torch.nan, density.log())

    def sample(self, z: Tensor, rng: torch.Generator) -> Tensor:
        """Draw y given z."""
        row, part = self._row(z.detach())
        chance = torch.rand(3, *z.shape, generator=rng, dtype=z.dtype, device=z.device)
        row = row + (chance[0] < part)
        below = self.mass.cumsum(1)[row.flatten()]
        column = torch.searchsorted(below, chance[1].reshape(-1, 1)).view(z.shape).clamp(max=self.mass.shape[1] - 1)
        drawn = torch.lerp(self.edges[column], self.edges[column + 1], chance[2])
        mean = self.mean(z)
        return drawn + (mean - mean.detach())

    def mean(self, z: Tensor) -> Tensor:
        """Mean of y given z: z itself, as far as the table knows."""
        row, part = self._row(z)
        mean, _ = self._moments()
        return torch.lerp(mean[row], mean[row + 1], part)

    def variance(self, z: Tensor) -> Tensor:
        """Variance of y given z, that between the two rows included."""
        row, part = self._row(z)
        mean, variance = self._moments()
        return torch.lerp(variance[row], variance[row + 1], part) + part * (1 - part) * (mean[row + 1] - mean[row]) ** 2

    def rescale(self, offset: float, scale: float) -> Histogram:
        """Return the model of ``(y - offset) / scale``."""
        return Histogram((self.signals - offset) / scale, (self.edges - offset) / scale, self.mass)

    def _row(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return the row below each signal, and the part of the way to the next."""
        row = torch.bucketize(z.detach().contiguous(), self.signals[1:-1], right=True)
        low, high = self.signals[row], self.signals[row + 1]
        return row, ((z - low) / (high - low)).clamp(0, 1)

    def _column(self, y: Tensor) -> Tensor:
        """Return the column of each recorded value."""
        return torch.bucketize(y.detach().contiguous(), self.edges[1:-1], right=True)

    def _moments(self) -> tuple[Tensor, Tensor]:
        """Return mean and variance of each row."""
        centre, width = (self.edges[1:] + self.edges[:-1]) / 2, self.edges.diff()
        mean = (self.mass * (centre - self.signals[:, None])).sum(1) + self.signals
        return mean, (self.mass * ((centre - mean[:, None]) ** 2 + width**2 / 12)).sum(1)


def _with_outliers(rows: Tensor) -> Tensor:
    return rows + _OUTLIERS / _COLUMNS * rows.sum(1, keepdim=True)


def _axes(variance: Callable[[Array], Array], low: float, high: float) -> tuple[Tensor, Tensor]:
    """Return the signals of the rows and the edges of the columns: equally many for each deviation of the noise."""
    reach = _REACH * np.sqrt(variance(np.array([low, high])))
    axes = []
    for start, stop, count in ((low, high, _ROWS), (low - reach[0], high + reach[1], _COLUMNS + 1)):
        fine = np.linspace(start, stop, 2**14)
        density = 1 / np.sqrt(variance(fine))
        way = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
        axes.append(torch.from_numpy(np.interp(np.linspace(0, way[-1], count), way, fine)))
    return axes[0], axes[1]
