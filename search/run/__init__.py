"""A run's folder: its trials as recorded, plan, manifest, checks before it starts, what stays on the disk."""
