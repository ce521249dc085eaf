"""Speech in pieces to frames, with a bounded latency."""
