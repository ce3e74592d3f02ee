"""Tests of api/server."""
