"""What is searched: distributions, conditions, grids."""
