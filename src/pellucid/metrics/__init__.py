"""Numbers that say how good an image is: with the truth, with a second shot, or with neither."""

from pellucid.metrics.fourier import frc, frc_split, fsc, resolution
from pellucid.metrics.maps import aligned, half_set_fsc
from pellucid.metrics.reference import psnr, ssim
from pellucid.metrics.residual import ByIntensity, Whiteness, residual_vs_intensity, whiteness

__all__ = [
    "ByIntensity",
    "Whiteness",
    "aligned",
    "frc",
    "frc_split",
    "fsc",
    "half_set_fsc",
    "psnr",
    "residual_vs_intensity",
    "resolution",
    "ssim",
    "whiteness",
]
