"""Tests of the user's chats."""
