"""Between the networks and a finished video: any picture in, paste-back, files, provenance."""
