"""Tests of constrained output."""
