"""The High-fidelity Emotional Face generator (paper section 3.4), its guide and its discriminator."""
