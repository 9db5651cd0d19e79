"""Draw the picture of the README: one noisy frame of Convallaria, and what `pellucid.denoise` makes of it.

The frame is fluo_convallaria/Conv0000.tif in the folder that PELLUCID_DATA names (Prakash et al., CC BY 4.0).

    PELLUCID_DATA=... python benchmarks/picture.py
"""

import os
from pathlib import Path

import numpy as np

import pellucid as pl
from pellucid.report.panel import panel

MIDDLE = slice(256, 768)

if __name__ == "__main__":
    frame = pl.open(Path(os.environ["PELLUCID_DATA"], "fluo_convallaria", "Conv0000.tif"))
    result = pl.denoise(frame, budget="150s")
    print(result.summary["why"])
    noisy, restored = (np.asarray(a, dtype=np.float32)[MIDDLE, MIDDLE] for a in (frame.data, result.image))
    panel(noisy, restored, Path(__file__).parents[1] / "docs" / "convallaria.png")
