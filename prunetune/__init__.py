"""prunetune from Python: networks, studies, trials and runs, as the command line has them.

Nothing here is imported before it is asked for, so `import prunetune` loads neither torch nor Ray. From then on the names
`models`, `pruning`, `trainables` and `search` are ours in this process, whatever lies in the working folder.
A mistake of yours raises `UserError`, whose message is the line that the command would print.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prunetune import ours_first

__all__ = [
    "Compared",
    "Exported",
    "Run",
    "State",
    "Study",
    "Trial",
    "UserError",
    "WeightsRefused",
    "WorkFailed",
    "class_names_of",
    "compare",
    "export",
    "load",
    "load_study",
    "preprocessing_of",
    "report",
    "run_trial",
    "sweep",
]

ours_first.install()

if TYPE_CHECKING:
    from models.errors import UserError, WeightsRefused, WorkFailed
    from models.save_load import class_names_of, load, preprocessing_of
    from prunetune.doing import compare, export, report, run_trial, sweep
    from prunetune.runs import Run
    from prunetune.studies import load_study
    from prunetune.trials import State, Trial
    from search.commands.compare import Compared
    from search.export.export import Exported
    from search.study.study import Study

    __version__: str
else:
    # Out of a type checker's sight: to it a misspelt name is a mistake.
    _WHERE = {
        **dict.fromkeys(("UserError", "WeightsRefused", "WorkFailed"), "models.errors"),
        **dict.fromkeys(("compare", "export", "report", "run_trial", "sweep"), "prunetune.doing"),
        **dict.fromkeys(("State", "Trial"), "prunetune.trials"),
        "Compared": "search.commands.compare",
        "Exported": "search.export.export",
        "Run": "prunetune.runs",
        "Study": "search.study.study",
        **dict.fromkeys(("class_names_of", "load", "preprocessing_of"), "models.save_load"),
        "load_study": "prunetune.studies",
    }

    def __getattr__(name: str) -> Any:
        """What was asked for, imported at its first use."""
        from importlib import import_module, metadata

        if name == "__version__":
            return metadata.version("prunetune")
        if name not in _WHERE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
        return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return list(__all__)
