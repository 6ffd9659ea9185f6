"""The data sets, one module each, and where their files lie."""
