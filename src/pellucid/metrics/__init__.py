"""Numbers that say how good an image is: with the truth, with a second shot, or with neither."""

from pellucid.metrics.fourier import frc, frc_split, fsc, resolution
from pellucid.metrics.reference import psnr, ssim
from pellucid.metrics.residual import ByIntensity, Whiteness, residual_vs_intensity, whiteness

__all__ = [
    "ByIntensity",
    "Whiteness",
    "frc",
    "frc_split",
    "fsc",
    "psnr",
    "residual_vs_intensity",
    "resolution",
    "ssim",
    "whiteness",
]
