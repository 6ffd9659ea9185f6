"""One file per sub-command of `prunetune`; each has a `command` that gives an Outcome."""
