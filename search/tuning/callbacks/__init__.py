"""A user's own callbacks: told in the driver what the records say has happened."""
