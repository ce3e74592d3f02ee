"""Tests of what the frozen program is made with."""
