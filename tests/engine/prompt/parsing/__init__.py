"""Tests of the output parsers."""
