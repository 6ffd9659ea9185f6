"""The machines: their resources, a session on them, and that they agree with the driver."""
