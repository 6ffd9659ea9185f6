"""One epoch, and what it steps with."""
