"""Trials that leave their process without having ended: why, whether they go on, and what is told and kept of it."""
