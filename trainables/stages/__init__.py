"""States trained once and taken over by every trial that asks for the same."""
