"""Many clips: prepared, arranged, packed into shards, verified."""
