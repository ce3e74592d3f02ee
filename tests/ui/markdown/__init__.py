"""Tests of Markdown as rich text."""
