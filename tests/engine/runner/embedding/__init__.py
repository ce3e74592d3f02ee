"""Tests of engine/runner/embedding."""
