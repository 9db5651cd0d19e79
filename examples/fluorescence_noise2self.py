"""One noisy fluorescence image, no reference: Noise2Self, and how far to trust it.

A camera counts photons: y = gain · Poisson(z / gain) + offset + read noise. A network F sees the image with some pixels
hidden and learns to predict them (survey eq. 15),

    min_θ Σ_J ‖F_θ(1_{Jᶜ} y + 1_J κ(y))_J − y_J‖²,

because the noise of a hidden pixel cannot be predicted, only what is under it. Here the truth is known, so the answer
that Pellucid gives without it can be checked.
"""

import numpy as np
import torch

import pellucid as pl
from pellucid.metrics import psnr
from pellucid.noise import PoissonGaussian

torch.set_num_threads(2)
rng = np.random.default_rng(0)

# cells with bright spots, in grey levels
row, column = np.mgrid[:192, :192]
truth = np.full((192, 192), 20.0)
for y, x, radius in zip(rng.uniform(0, 192, 14), rng.uniform(0, 192, 14), rng.uniform(10, 22, 14), strict=True):
    distance = np.hypot(row - y, column - x)
    truth += 60 / (1 + np.exp(distance - radius)) * (1 + 0.3 * np.sin(column / 2.5))

noise = PoissonGaussian(gain=4.0, offset=10.0, sigma=3.0)
noisy = noise.sample(torch.from_numpy(truth), torch.Generator().manual_seed(0)).numpy()

result = pl.denoise(noisy.astype(np.float32), steps=400)
for candidate in result.summary["candidates"]:
    print(f"{candidate['method']:16} held-out risk {candidate['risk']:.1f} ± {candidate['risk_se']:.1f}")
before, after = (float(psnr(image, truth, 255.0)) for image in (noisy, result.image))
print(f"chosen: {result.summary['method']}; verdict: {result.summary['verdict']}")
print(f"PSNR against the truth, which it never saw: {before:.1f} dB -> {after:.1f} dB")
assert after > before + 5
