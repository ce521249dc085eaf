"""Shards to batches; each name is imported only when it is asked for: reading shards needs no Lightning."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
