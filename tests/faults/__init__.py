"""Runs at which every fault befalls every write."""
