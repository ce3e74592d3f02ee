"""Tests of the HTTP border."""
