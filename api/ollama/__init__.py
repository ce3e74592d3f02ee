"""The Ollama dialect: /api/* routes."""
