"""Tests of api/openai."""
