"""One file per sub-command of `prunetune`; each has `EXAMPLE`, `configure(parser)` and `run(arguments)`."""
