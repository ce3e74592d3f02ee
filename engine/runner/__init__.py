"""The runner process: llama.cpp, slots, batches, samplers. Started, never imported."""
