"""What people see of a pretraining, and Ray Train under it."""
