"""The states of a trial: dense, then one pruning event after another."""
