"""The report of a run: one page without network, its plots and its tables as files."""
