"""Who drives a run: its lock, the lease of its driver with signs of life, and when another may take it."""
