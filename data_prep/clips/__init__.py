"""One clip: from its files to what is kept of it."""
