"""The versions that Corral reports. Imported by everything, imports nothing."""

CORRAL_VERSION = "0.1.0"

# The Ollama API level whose routes and wire shapes this program implements. Clients check it
# (`GET /api/version`) before they use newer features.
OLLAMA_API_VERSION = "0.33.0"
