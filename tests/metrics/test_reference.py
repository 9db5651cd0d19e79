import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from pellucid.errors import InputError
from pellucid.metrics import psnr, ssim


def test_psnr_of_noise_of_known_strength(numpy_rng):
    x = numpy_rng.uniform(0, 255, (200, 200))
    assert psnr(x + 5 * numpy_rng.normal(size=x.shape), x, 255) == pytest.approx(20 * math.log10(255 / 5), abs=0.05)
    assert psnr(x, x, 255) == math.inf


def test_an_affine_fit_undoes_scale_and_offset(numpy_rng):
    x = numpy_rng.uniform(0, 1, (50, 50))
    noisy = x + 0.01 * numpy_rng.normal(size=x.shape)
    assert psnr(3 * noisy - 7, x, 1, affine=True) == pytest.approx(psnr(noisy, x, 1), abs=0.05)
    assert psnr(3 * noisy - 7, x, 1) < 0


def test_tensors_and_arrays_count_alike(numpy_rng):
    a, b = numpy_rng.uniform(size=(2, 16, 16))
    tensor = torch.tensor(a, requires_grad=True)
    assert psnr(tensor, torch.tensor(b), 1) == psnr(a, b, 1)
    assert ssim(tensor, b, 1) == ssim(a, b, 1)


def test_ssim_is_the_formula_of_the_paper(numpy_rng):
    x, y = (ndimage.gaussian_filter(numpy_rng.uniform(0, 255, (40, 40)), 1) for _ in range(2))
    y = 0.5 * (x + y)

    def blur(values):
        return ndimage.gaussian_filter(values, 1.5, truncate=3.5)

    means, c1, c2 = (blur(x), blur(y)), (0.01 * 255) ** 2, (0.03 * 255) ** 2
    variances = [blur(v * v) - m * m for v, m in zip((x, y), means, strict=True)]
    covariance = blur(x * y) - means[0] * means[1]
    top = (2 * means[0] * means[1] + c1) * (2 * covariance + c2)
    bottom = (means[0] ** 2 + means[1] ** 2 + c1) * (variances[0] + variances[1] + c2)
    assert ssim(x, y, 255) == pytest.approx((top / bottom)[5:-5, 5:-5].mean(), rel=1e-9)


def test_shapes_must_match_and_suffice():
    with pytest.raises(InputError, match="one shape"):
        psnr(np.zeros(3), np.zeros(4), 1)
    with pytest.raises(InputError, match="11 pixels"):
        ssim(np.zeros((9, 20)), np.zeros((9, 20)), 1)
