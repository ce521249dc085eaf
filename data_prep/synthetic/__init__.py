"""The embedded corpus: parametric heads that speak and show emotions, rendered on the spot."""
