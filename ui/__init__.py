"""Qt widgets. Reach models only over HTTP, through api.client."""
