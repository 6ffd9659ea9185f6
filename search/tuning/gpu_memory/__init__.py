"""How many trials a GPU has room for: one of each arm's largest is tried before any starts, and what follows where one lacked it."""
