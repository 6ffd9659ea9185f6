"""What can go in a network of a user's own: found in its forward pass, traced, and by a few names; proved by trying."""
