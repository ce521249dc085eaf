"""What the stages minimise, one subject per file."""
