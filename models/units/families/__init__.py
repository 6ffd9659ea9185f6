"""One file for each family of blocks that can be cut."""
