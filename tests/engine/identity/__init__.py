"""Tests of the key and of what it signs."""
