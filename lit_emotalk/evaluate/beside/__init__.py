"""Other methods' videos beside ours: `videos` finds and cuts them, `sources` writes what they are made of."""
