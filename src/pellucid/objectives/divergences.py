"""How far one distribution is from another, as the best that a critic can say of samples of both."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

_LARGEST = 50.0  # of what is exponentiated
_LOG2 = math.log(2)


@dataclass(frozen=True)
class Divergence:
    """D(P‖Q) = max over V of E_P real(V) − E_Q fake(V), with the critic's plain output V.

    Parameters
    ----------
    real
        g_f: of the critic's output at the data.
    fake
        f* ∘ g_f in one stable form: of the critic's output at the model's samples.
    reading
        What the bound estimates, with its unit if it has one; empty where it estimates nothing.
    scale, offset
        The estimate is scale · (bound + offset).
    sought
        What a model wants large at its samples: `real` unless given.
    """

    real: Callable[[Tensor], Tensor]
    fake: Callable[[Tensor], Tensor]
    reading: str = ""
    scale: float = 1.0
    offset: float = 0.0
    sought: Callable[[Tensor], Tensor] | None = None

    def bound(self, data: Tensor, samples: Tensor) -> Tensor:
        """Return E_P real(V) − E_Q fake(V), what a critic maximises: a lower bound of D."""
        return self.real(data).mean() - self.fake(samples).mean()

    def estimate(self, bound: Tensor) -> dict[str, Tensor]:
        """Return what a bound tells of the distance, by name and without a gradient; nothing where it tells nothing."""
        return {self.reading: self.scale * (bound.detach() + self.offset)} if self.reading else {}

    def generator_loss(self, samples: Tensor) -> Tensor:
        """Return −E_Q sought(V), what a model minimises: it wants its samples to be taken for data.

        With `fake` its gradient is that of D; but where the critic is sure it vanishes, except for ``reverse_kl`` and
        ``neyman``, which take it. The others take `real` (Nowozin et al., section 3.2), and the gradient at the best
        critic is that of another divergence: of KL(Q‖P) for ``kl``, 2 KL(P‖Q) for ``pearson``, KL(Q‖P) − 2 JS(P‖Q) for
        ``gan`` and ``js``, ⅔ ∫ q^{3/2} p^{−1/2} for ``hellinger``.
        """
        return -(self.sought or self.real)(samples).mean()


def _exp(v: Tensor) -> Tensor:
    return v.clamp(max=_LARGEST).exp()


DIVERGENCES: Mapping[str, Divergence] = {
    # D_f(P‖Q) = E_Q f(dP/dQ): Nowozin, Cseke, Tomioka, "f-GAN", NeurIPS 2016, tables 1, 2 and 6 (survey eq. 29-34)
    "kl": Divergence(lambda v: v, lambda v: _exp(v - 1), "kl_nats"),
    "reverse_kl": Divergence(lambda v: -_exp(-v), lambda v: v - 1, "reverse_kl_nats", sought=lambda v: v - 1),
    "pearson": Divergence(lambda v: v, lambda v: v.square() / 4 + v, "pearson"),
    "neyman": Divergence(
        lambda v: 1 - _exp(-v), lambda v: 2 - 2 * _exp(-v / 2), "neyman", sought=lambda v: 2 - 2 * _exp(-v / 2)
    ),
    "hellinger": Divergence(lambda v: 1 - _exp(-v), lambda v: _exp(v) - 1, "squared_hellinger"),
    # twice the usual Jensen-Shannon divergence, which is what is read off
    "js": Divergence(lambda v: _LOG2 - F.softplus(-v), lambda v: F.softplus(v) - _LOG2, "js_nats", 1 / 2),
    # js − log 4: Goodfellow et al., NeurIPS 2014 (survey eq. 27-28)
    "gan": Divergence(lambda v: -F.softplus(-v), F.softplus, "js_nats", 1 / 2, 2 * _LOG2),
    # over critics of slope one at most, in units of the data: Arjovsky, Chintala, Bottou, ICML 2017 (survey eq. 35-36)
    "wasserstein": Divergence(lambda v: v, lambda v: v, "wasserstein"),
    # no bound of a divergence between P and Q: Mao et al., ICCV 2017; Lim, Ye, arXiv 1705.02894
    "least_squares": Divergence(lambda v: -(v - 1).square() / 2, lambda v: v.square() / 2),
    "hinge": Divergence(lambda v: -F.relu(1 - v), lambda v: F.relu(1 + v), sought=lambda v: v),
}
