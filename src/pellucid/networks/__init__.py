"""Networks: tensor to tensor, ignorant of physics."""

from pellucid.networks.residual import Residual
from pellucid.networks.unet import UNet, initialise

__all__ = ["Residual", "UNet", "initialise"]
