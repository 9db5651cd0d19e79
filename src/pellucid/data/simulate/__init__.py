"""Phantoms and simulated measurements whose truth is known."""
