"""What a study's trials will be, told before any of them runs."""
