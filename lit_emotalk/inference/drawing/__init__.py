"""Coefficients to frames, as fast as the machine allows."""
