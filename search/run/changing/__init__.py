"""What of a run that has begun may change, and what has."""
