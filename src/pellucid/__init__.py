"""Restore biological images when nobody has a clean reference image."""
