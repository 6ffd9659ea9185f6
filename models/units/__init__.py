"""Units that can be removed, and their removal."""
