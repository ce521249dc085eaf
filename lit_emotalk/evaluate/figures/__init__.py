"""`lit-emotalk figures`: contact sheets, comparisons, curves and attention."""
