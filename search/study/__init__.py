"""What a study file says, checked as far as no data is needed."""
