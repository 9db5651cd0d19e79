"""One noisy image, many methods, no reference: which one is right?

For pixels that were never a target of the training, and noise of variance s² that is independent from pixel to pixel,

    E(F(y) − y)² + 2 s² ∂F_i/∂y_i = E(F(y) − x)² + E(y − x)²

(Stein 1981; the second term is zero where F does not see the pixel, as in Noise2Self). The left side needs no truth,
and the last term is the same for all methods: so the risk puts them in order. Here the truth is known, and the order
that Pellucid finds without it can be checked.
"""

from itertools import pairwise

import numpy as np
import torch

import pellucid as pl

torch.set_num_threads(1)
rng = np.random.default_rng(0)

# filaments and nuclei, in photons; a camera of gain 2 and offset 100
row, column = np.mgrid[:128, :128]
photons = 4 + 12 * np.exp(-((row - 64 - 30 * np.sin(column / 14)) ** 2) / 6)
for y, x in rng.uniform(0, 128, (10, 2)):
    photons += 30 * np.exp(-((row - y) ** 2 + (column - x) ** 2) / 60)
truth = 100 + 2 * photons
noisy = 100 + 2 * rng.poisson(photons) + rng.normal(0, 2, photons.shape)

methods = ["non_local_means", "total_variation", "zs_n2n"]
found = pl.compare(noisy.astype(np.float32), methods=methods, truth=truth, steps=200)
print(found)
for better, worse in pairwise(found.contest.rows):
    sure = worse.risk - better.risk > 2 * max(better.risk_se, worse.risk_se)
    print(f"{better.method} before {worse.method}: {'certain' if sure else 'not certain'} from the risk")
    assert not sure or better.psnr > worse.psnr
