"""How a speaker acts an emotion: face, head and manner over time."""
