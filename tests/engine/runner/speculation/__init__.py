"""Tests of engine.runner.speculation."""
