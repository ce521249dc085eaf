"""Running experiments: fit, validate and test, run directories, ranks, sweeps."""
