"""Third-party weights: what the package knows, where they lie, how they are fetched and verified."""
