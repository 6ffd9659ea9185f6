"""A trial in TensorBoard."""
