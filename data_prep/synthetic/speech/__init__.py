"""Sentences to sound and visemes."""
