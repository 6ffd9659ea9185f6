"""What a trial and a pretraining may be asked for."""
