"""The OpenAI dialect: /v1/* routes."""
