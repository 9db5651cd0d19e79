"""Networks: tensor to tensor, ignorant of physics."""

from pellucid.networks.unet import UNet, initialise

__all__ = ["UNet", "initialise"]
