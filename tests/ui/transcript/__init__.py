"""Tests of the messages of a chat."""
