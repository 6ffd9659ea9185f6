"""Two arms side by side: which trials are a pair, and what is read off them."""
