"""Whether weights work: on images, not by their own statistics."""
