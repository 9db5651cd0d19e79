"""Leaves without opinions."""
