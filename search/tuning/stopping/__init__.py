"""When a trial is stopped early. Each rule, ours or a user's, answers the same two questions about plain views of trials."""
