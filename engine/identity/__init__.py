"""Who this machine is towards registries and ollama.com: one ed25519 key, and what it signs."""
