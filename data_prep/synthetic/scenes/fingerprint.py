"""What the corpus' content depends on besides its parameters: the code and data that make it."""

import hashlib
import json
from functools import cache

from lit_emotalk.io.sources import Sources

PARTS = ("corpus", "acting.performance", "heads.landmarks", "scenes.render", "speech.sentences")
"""Modules of `data_prep.synthetic` that decide, with all that they import there, what a clip is."""
WRITER = "lit_emotalk.io.video"


@cache
def content_fingerprint() -> str:
    """Hexadecimal sha256 (16 digits) of the code and data that make a clip; comments, docstrings and layout
    do not count."""
    package = __package__.rpartition(".")[0]
    sources = Sources()
    found = sources.digests([f"{package}.{part}" for part in PARTS], within=package)
    found |= sources.digests([WRITER], within=WRITER)
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()[:16]
