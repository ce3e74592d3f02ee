"""The model library on disk: names, digests, manifests, blobs, Modelfiles, GGUF headers."""
