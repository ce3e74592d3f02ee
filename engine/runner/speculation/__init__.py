"""Guesses at the tokens to come, verified by the model many at a time."""
