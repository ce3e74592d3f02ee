"""Models and inference. Values in, values out: knows nothing of HTTP, Qt or argv."""
