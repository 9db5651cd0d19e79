"""Contracts that any operator, noise model or split must keep; run them on your own."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.data.splits import Split
from pellucid.noise.base import NoiseModel
from pellucid.operators import Identity
from pellucid.operators.base import LinearOperator
from pellucid.solvers.norm import lipschitz

_TOLERANCE = 1e-10  # relative, in double precision


def assert_adjoint(
    operator: LinearOperator,
    x_shape: tuple[int, ...],
    rng: torch.Generator,
    *,
    dtype: torch.dtype | None = None,
) -> None:
    """Assert that a linear operator is linear, and that its adjoint is its adjoint.

    Checks linearity; <H x, y> = <x, H* y>; that `adjoint` agrees with automatic differentiation; that both can be
    differentiated twice; that `normal` is H* H; that no image is amplified by more than the norm that power iteration
    finds; that a batch gives what its entries give one by one; that the state of the module holds all its parameters;
    and that single and double precision are kept.

    Parameters
    ----------
    operator
        The operator under test; double precision must be possible.
    x_shape
        Shape (batch, channel, *space), small; a batch of two or more.
    rng
        Where the test data come from.
    dtype
        Of x; ``complex128`` unless given, or ``float64`` where the operator is linear over the reals only.

    Raises
    ------
    AssertionError
        Naming the broken promise.

    Examples
    --------
    >>> from pellucid.operators import Identity
    >>> assert_adjoint(Identity(), (2, 1, 4, 5), torch.Generator().manual_seed(0))
    """
    dtype = dtype or (torch.float64 if operator.real_linear else torch.complex128)
    x, u = (torch.randn(x_shape, dtype=dtype, generator=rng) for _ in range(2))
    scalar = 0.7 if operator.real_linear else 0.7 - 0.4j if dtype.is_complex else 0.7
    forward = operator(x)
    y = torch.randn(forward.shape, dtype=forward.dtype, generator=rng)
    back = operator.adjoint(y)
    _assert_close(operator(scalar * x + u), scalar * forward + operator(u), "H is not linear")
    left, right = _inner(forward, y), _inner(x, back)
    if operator.real_linear:
        left, right = left.real, right.real
    size = torch.linalg.vector_norm(forward) * torch.linalg.vector_norm(y)
    assert (left - right).abs() <= _TOLERANCE * size, f"<H x, y> = {left:.12g} but <x, H* y> = {right:.12g}"
    leaf = u.clone().requires_grad_()
    _assert_close(back, torch.autograd.grad(operator(leaf), leaf, y)[0], "adjoint differs from autograd's")
    _assert_close(operator.normal(x), operator.adjoint(forward), "normal(x) differs from adjoint(H x)")
    strained = torch.linalg.vector_norm(operator(back)) ** 2 / torch.linalg.vector_norm(back) ** 2
    assert strained <= 1.000001 * lipschitz(operator.normal, x).max(), "the norm of H by power iteration is too small"
    for i in range(x_shape[0]):
        _assert_close(operator[i](x[i : i + 1]), forward[i : i + 1], f"operator[{i}] differs from the batch")
        _assert_close(operator[i].adjoint(y[i : i + 1]), back[i : i + 1], f"adjoint of operator[{i}] differs")
    for function, point in ((operator, leaf), (operator.adjoint, y.requires_grad_())):
        assert torch.autograd.gradcheck(function, point, fast_mode=True), "H or H* has a wrong gradient"
        assert torch.autograd.gradgradcheck(function, point, fast_mode=True), "H or H* has a wrong second gradient"
    restored = copy.deepcopy(operator)
    for parameter in restored.state_dict().values():
        torch.nn.init.zeros_(parameter.data)
    restored.load_state_dict(operator.state_dict())
    _assert_close(restored(x), forward, "the state of the module does not restore it")
    single = operator(x.to(torch.complex64 if dtype.is_complex else torch.float32))
    assert single.real.dtype == torch.float32, f"single precision in, {single.dtype} out"
    assert forward.real.dtype == torch.float64, f"double precision in, {forward.dtype} out"


def assert_normalised(
    noise: NoiseModel, z: Tensor, grid: Tensor, rng: torch.Generator, *, discrete: bool = False
) -> None:
    """Assert that a noise model is a density with the mean and the variance it states, and that it samples it.

    Checks that exp(log_prob) integrates (discrete: sums) to one, with mean `mean(z)`, which is z unless the noise is
    biased, and variance `variance(z)`; that the draws have both moments within five standard errors; and that their
    mean gradient in z is that of `mean`, within five standard errors too.

    Parameters
    ----------
    noise
        The noise model under test.
    z
        Noiseless values to test at, shape (n,), double precision.
    grid
        Equally spaced values of y that hold all the mass (discrete: every possible value), shape (m,).
    rng
        Where the draws come from.
    discrete
        Whether `log_prob` is the logarithm of a mass rather than a density.

    Raises
    ------
    AssertionError
        Naming the broken promise.
    """
    step = torch.ones(()) if discrete else grid[1] - grid[0]
    mass = noise.log_prob(grid[:, None].expand(-1, z.numel()), z).exp() * step
    z = z.clone().requires_grad_()
    mean, variance = noise.mean(z), noise.variance(z).detach()
    (slope,) = torch.autograd.grad(mean.sum(), z)
    z, mean, mass = z.detach(), mean.detach(), mass.detach()
    total, bias, second, fourth = ((mass * (grid[:, None] - mean) ** power).sum(0) for power in (0, 1, 2, 4))
    assert bool(((total - 1).abs() < 1e-4).all()), f"the mass is {total}, not one"
    assert bool((bias.abs() < 1e-4 * variance.sqrt()).all()), f"the mean is off by {bias}"
    assert bool(((second - variance).abs() < 1e-3 * variance).all()), f"variance {second}, stated {variance}"
    count = 100_000
    many = z.expand(count, -1).clone().requires_grad_()
    draws = noise.sample(many, rng)
    (gradient,) = torch.autograd.grad(draws.sum(), many)
    close = (gradient.mean(0) - slope).abs() <= 1e-6 + 5 * gradient.std(0) / count**0.5
    assert bool(close.all()), f"the mean draw has gradient {gradient.mean(0)} in z, and its mean {slope}"
    deviation = draws.detach() - mean
    off = deviation.mean(0)
    assert bool((off.abs() < 5 * (variance / count).sqrt()).all()), f"the mean of the draws is off by {off}"
    error = 5 * ((fourth - variance**2) / count).sqrt()
    excess = (deviation**2).mean(0) - variance
    assert bool((excess.abs() < error).all()), f"the variance of the draws is off by {excess}"


def assert_held_out(split: Split, shape: tuple[int, ...], rng: torch.Generator) -> None:
    """Assert that nothing of what a split holds out reaches what it gives.

    Every held entry is replaced, by large numbers and by NaN, and the split is drawn again from the same random
    state: the choice of what is held, and every given entry, must be the same to the last bit; and the operator
    of what is given must not measure what is held.

    Parameters
    ----------
    split
        The split under test, of a single recording.
    shape
        Shape (batch, channel, *space) to test at.
    rng
        Where the test data and the split come from.

    Raises
    ------
    AssertionError
        Naming the broken promise.

    Examples
    --------
    >>> from pellucid.data.splits import BlindSpot
    >>> assert_held_out(BlindSpot(fraction=0.05), (2, 1, 16, 16), torch.Generator().manual_seed(0))
    """
    y = torch.randn(shape, generator=rng)
    state = rng.get_state()
    batch = Measurement(y=y, operator=Identity())
    given, held = split(batch, rng)
    assert held.weight is not None, "held.weight is None: everything is held"
    hidden = held.weight.expand(shape) > 0
    assert 0 < int(hidden.sum()) < y.numel(), f"{int(hidden.sum())} of {y.numel()} entries are held"
    assert torch.equal(held.y[hidden], y[hidden]), "what is held is not what was recorded"
    assert not given.operator(torch.ones_like(y))[hidden].any(), "the given operator measures what is held"
    for other in (1e6 * torch.randn(shape, generator=rng), torch.full(shape, torch.nan)):
        rng.set_state(state)
        again, held_again = split(batch.with_y(torch.where(hidden, other, y)), rng)
        same = held_again.weight is not None and torch.equal(held_again.weight, held.weight)
        assert same, "the choice of what is held depends on it"
        assert torch.equal(again.y, given.y), "a held entry reaches what is given"


def _inner(a: Tensor, b: Tensor) -> Tensor:
    return (a * b.conj()).sum()


def _assert_close(a: Tensor, b: Tensor, message: str) -> None:
    error = torch.linalg.vector_norm(a - b) / torch.linalg.vector_norm(b).clamp(min=1e-300)
    assert error <= _TOLERANCE, f"{message} (relative error {error:.3g})"
