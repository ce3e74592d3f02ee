"""The Anthropic dialect: /v1/messages and what belongs to it."""
