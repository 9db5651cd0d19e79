"""Networks: tensor to tensor, ignorant of physics."""

from pellucid.networks.critic import ImageCritic, PatchCritic
from pellucid.networks.dropout import Dropout
from pellucid.networks.hourglass import Hourglass
from pellucid.networks.partial import PartialConv, PartialUNet
from pellucid.networks.residual import Residual
from pellucid.networks.resnet import ResNet
from pellucid.networks.unet import UNet, initialise

__all__ = [
    "Dropout",
    "Hourglass",
    "ImageCritic",
    "PartialConv",
    "PartialUNet",
    "PatchCritic",
    "ResNet",
    "Residual",
    "UNet",
    "initialise",
]
