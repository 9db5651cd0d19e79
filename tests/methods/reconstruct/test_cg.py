from dataclasses import replace

import torch


def test_it_is_tikhonovs_solution(spectrum, built):
    """For a mask after a unitary transform: y / (1 + λ) where measured, in Fourier space."""
    image = built("cg", spectrum, strength=0.1).restorer(spectrum)
    assert torch.allclose(image, spectrum.operator.adjoint(spectrum.y) / 1.1, atol=1e-4)


def test_weights_count(spectrum, built):
    """Entries without weight are not there."""
    half = torch.arange(32) % 2 == 0
    weighted = replace(spectrum, weight=half.double())
    fewer = replace(spectrum, operator=spectrum.operator.restrict(half.view(1, 1, 1, 32)), y=spectrum.y * half)
    first, second = (built("cg", data, strength=0.1, iterations=300).restorer(data) for data in (weighted, fewer))
    assert torch.allclose(first, second, atol=1e-4)


def test_adjoint_and_back_projection_are_the_operators(spectrum, built):
    assert torch.equal(built("adjoint", spectrum).restorer(spectrum), spectrum.operator.adjoint(spectrum.y))
    assert torch.equal(built("fbp", spectrum).restorer(spectrum), spectrum.operator.backproject(spectrum.y))
