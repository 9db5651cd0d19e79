"""What happens to recorded data before a method sees them."""

from pellucid.data.prepare.standardise import Standardisation

__all__ = ["Standardisation"]
