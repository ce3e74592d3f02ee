"""Unmodified clients against a live server."""
