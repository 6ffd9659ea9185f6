"""Evidence of a study that may grow: looks stated beforehand, and e-values where nothing was stated."""
