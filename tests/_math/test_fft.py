import pytest
import torch

from pellucid._math.fft import fft, good_size, ifft


@pytest.mark.parametrize("size", [(8,), (7,), (6, 9), (5, 4, 3)])
def test_the_transform_is_the_sum_it_stands_for(size, rng):
    x = torch.randn(2, *size, dtype=torch.complex128, generator=rng)
    grids = torch.meshgrid(*(torch.arange(n) - n // 2 for n in size), indexing="ij")
    place = torch.stack([g.flatten() for g in grids]).double()
    phase = place.T @ (place / torch.tensor(size)[:, None])
    expected = (x.flatten(1) @ torch.exp(-2j * torch.pi * phase)) / place.shape[1] ** 0.5
    torch.testing.assert_close(fft(x, len(size)).flatten(1), expected)
    torch.testing.assert_close(ifft(fft(x, len(size)), len(size)), x)


@pytest.mark.parametrize("length", [1, 2, 17, 251, 257, 513])
def test_good_sizes_are_even_and_not_much_larger(length):
    found = good_size(length)
    assert found % 2 == 0
    assert length <= found <= 1.2 * length + 2
