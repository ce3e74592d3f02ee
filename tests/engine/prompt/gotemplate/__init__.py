"""Tests of engine.prompt.gotemplate."""
