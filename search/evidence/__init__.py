"""What may be claimed: statistics, contrasts, verdict, which network to take."""
