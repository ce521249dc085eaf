"""A PyTorch Lightning experiment framework for emotional talking faces."""

__version__ = "0.1.0"
