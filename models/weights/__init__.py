"""Initial weights with proof."""
