"""What a study asks for that can never be."""
