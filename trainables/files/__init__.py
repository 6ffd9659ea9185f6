"""What a trial writes: record, checkpoint, state files."""
