"""A YAML file with lines, dotted keys, and a mistake at its line."""
