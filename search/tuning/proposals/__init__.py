"""Which configuration comes next: Optuna's studies, made anew from the records whenever one is asked for."""
