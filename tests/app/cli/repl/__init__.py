"""Tests of the interactive session."""
