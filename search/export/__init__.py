"""What a study leaves in the user's hands: a study file that reruns, and the small network in open formats."""
