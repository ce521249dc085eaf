"""The networks, and what a stage hands to the next."""
