"""Where evaluated prefixes are kept besides the context: host memory and disk."""
