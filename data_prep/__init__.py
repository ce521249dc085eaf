"""From raw talking-face video to verified WebDataset shards, one module per corpus."""
