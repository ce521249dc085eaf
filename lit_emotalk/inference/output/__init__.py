"""What is done to drawn frames until they lie in a file: paste-back, provenance, writing."""
