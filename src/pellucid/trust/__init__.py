"""An honest answer, without a reference, to: can I trust this image?"""

from pellucid.trust.risk import Risk, held_out_risk

__all__ = ["Risk", "held_out_risk"]
