"""Networks: tensor to tensor, ignorant of physics."""

from pellucid.networks.dropout import Dropout
from pellucid.networks.partial import PartialConv, PartialUNet
from pellucid.networks.residual import Residual
from pellucid.networks.unet import UNet, initialise

__all__ = ["Dropout", "PartialConv", "PartialUNet", "Residual", "UNet", "initialise"]
