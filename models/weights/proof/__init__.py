"""Whether weights are what they say: the verdict, and each kind of evidence for it."""
