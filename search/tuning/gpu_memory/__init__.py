"""How many trials a GPU has room for: before any starts one is tried, and fewer share it where one found too little."""
