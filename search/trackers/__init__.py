"""Trials in other people's tools, told from the records alone: MLflow, Weights & Biases, Comet."""
