"""Which keys of a study `resume --set` may change: those that make no trial another one. Of others, why not, and what then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from models.errors import UserError
from search.config_file import key_tree

FREE_TO_CHANGE = ("resources", "retention", "logging", "callbacks")
"""Sections of a study that change nothing about its trials."""
OF_THE_MACHINE = ("train.device", "train.precision", "train.graph", "train.threads")
DEVICE = ("resources.device", "device")
ANOTHER_RUN = "another study is another run (prunetune sweep with --name)"
INSTEAD: Mapping[str, str] = {
    "name": "its folder has that name; copy or move the folder, or start another run (prunetune sweep with --name)",
    "search": "how its trials were searched is settled; --trials-per-arm and --confirm-seeds grow it",
    "scheduler": f"by this rule trials have been stopped already; {ANOTHER_RUN}",
    "compare": f"what is claimed was fixed before its trials ran; {ANOTHER_RUN}",
    "space": f"its trials were drawn from this space; {ANOTHER_RUN}, which may learn from this one (search.warm_start)",
    "arms": f"its arms are compared under equal budgets from the beginning; {ANOTHER_RUN}",
}
ON_WHICH_DEVICE = (
    "on which device and with how many threads a trial trains changes its numbers; --set resources.gpus_per_trial=0 keeps "
    "what is still to run off the GPUs, and each trial that goes on elsewhere says so"
)


def check_free_to_change(
    sets: Sequence[str], command: str = "resume", sections: Sequence[str] = FREE_TO_CHANGE
) -> None:
    """UserError for a `--set` option that would make other trials of a run that has begun, or judge them otherwise, and for
    one of another section than the command's."""
    for text in sets:
        key = text.partition("=")[0].strip()
        section = key.partition(".")[0]
        if section in sections and key not in DEVICE:
            continue
        if section in FREE_TO_CHANGE and key not in DEVICE:
            raise UserError(
                f"--set {text}: {command} changes {', '.join(sections)} alone; prunetune resume changes "
                f"{', '.join(FREE_TO_CHANGE)}"
            )
        own = key.removeprefix("trial.")
        why = INSTEAD.get(section, ANOTHER_RUN)
        if key in DEVICE or any(key_tree.overlap(own, one) for one in OF_THE_MACHINE):
            why = f"{ON_WHICH_DEVICE}; {ANOTHER_RUN}"
        raise UserError(
            f"--set {text}: a run keeps what makes its trials; {command} changes {', '.join(sections)} alone: {why}"
        )
