"""Study files with something changed, and what each of them is to come to."""
