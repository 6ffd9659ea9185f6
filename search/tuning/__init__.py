"""What runs next, early stopping, Optuna, Ray, the cluster, the live table."""
