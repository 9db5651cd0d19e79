import pytest
import torch

from pellucid.networks import initialise
from pellucid.networks.autoencoder import Decoder, Encoder


@pytest.mark.parametrize(("space", "pool"), [((16, 24), (2, 2)), ((5, 16, 8), (1, 2, 2))])
def test_the_code_is_smaller_by_the_stride_and_the_way_back_restores_the_size(space, pool, rng):
    dims = len(space)
    encoder = initialise(Encoder((2, 6), dims=dims, features=4, pool=pool), rng)
    decoder = initialise(Decoder((6, 2), dims=dims, features=4, pool=pool), rng)
    x = torch.randn(1, 2, *space, generator=rng)
    code = encoder(x)
    assert code.shape[2:] == tuple(n // s for n, s in zip(space, encoder.stride, strict=True))
    assert decoder(code).shape == x.shape
