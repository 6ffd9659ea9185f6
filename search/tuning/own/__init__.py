"""A user's own parts of the search: whether they work, and whose error it is where one fails."""
