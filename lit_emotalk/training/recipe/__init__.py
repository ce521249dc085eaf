"""`lit-emotalk recipe`: a list of steps; what has not changed is skipped."""
