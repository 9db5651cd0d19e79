"""Small linear problems with a batch, real and complex, whose entries differ."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor


@dataclass
class Problem:
    """y = H x with one matrix an entry of the batch."""

    matrix: Tensor  # (batch, measurements, pixels)
    x: Tensor  # (batch, 1, row, column)

    def forward(self, x: Tensor) -> Tensor:
        return (self.matrix @ x.flatten(1)[..., None])[..., 0][:, None]

    def adjoint(self, y: Tensor) -> Tensor:
        return (self.matrix.mH @ y.flatten(1)[..., None])[..., 0].view(self.x.shape)

    def normal(self, x: Tensor) -> Tensor:
        return self.adjoint(self.forward(x))

    def gradient(self, y: Tensor):
        """Return the gradient of ½‖Hx − y‖²."""
        return lambda x: self.normal(x) - self.adjoint(y)

    @property
    def eigenvalues(self) -> Tensor:
        return torch.linalg.eigvalsh(self.matrix.mH @ self.matrix)

    def solution(self, y: Tensor, mu: float = 0.0) -> Tensor:
        """Return argmin ½‖Hx − y‖² + μ/2 ‖x‖²."""
        square = self.matrix.mH @ self.matrix
        square = square + mu * torch.eye(square.shape[-1], dtype=square.dtype)
        return torch.linalg.solve(square, self.adjoint(y).flatten(1)).view(self.x.shape)


def problem(rng, dtype=torch.complex128, count=20) -> Problem:
    matrix = torch.randn(3, count, 12, dtype=dtype, generator=rng) / 4
    matrix = matrix * torch.tensor([1.0, 3.0, 0.1]).view(-1, 1, 1)
    return Problem(matrix, torch.randn(3, 1, 3, 4, dtype=dtype, generator=rng))


@pytest.fixture(params=[torch.float64, torch.complex128], ids=["real", "complex"])
def linear(request, rng) -> Problem:
    return problem(rng, request.param)


@pytest.fixture
def counts(rng) -> Problem:
    """Return a problem in which nothing is negative."""
    made = problem(rng, torch.float64)
    return Problem(made.matrix.abs(), made.x.abs() + 0.1)
