"""`python -m prunetune` and the installed command: the command line, from any folder.

That the package was imported before this module is what makes ours the packages that are found.
"""

from __future__ import annotations

from search.cli import run

__all__ = ["run"]

if __name__ == "__main__":
    run()
