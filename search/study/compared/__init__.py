"""What arms must have in common for a comparison to mean something, and what is odd about them."""
