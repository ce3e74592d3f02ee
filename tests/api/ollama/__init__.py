"""Tests of api/ollama."""
