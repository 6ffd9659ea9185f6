"""What must stand in a run's files to be read; anything else is refused in one line, before anything is changed."""
