"""Output that must belong to a language: JSON, a JSON Schema, a regular expression, a grammar."""
