"""Tests of engine.prompt."""
