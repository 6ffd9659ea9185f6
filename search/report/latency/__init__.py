"""How long the arms' networks take for an image: which are measured, how, and what is kept of it."""
