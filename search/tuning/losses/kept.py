"""What is known of a lost trial, kept in its own folder: what Ray says, and what its process said last."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from search.tuning.losses.loss import Loss
from trainables.files.failure import ERROR_FILE, keep_details
from trainables.files.worker_log import WORKER_LOG, last_lines, last_words

LINES = 40


def keep_loss(folder: Path, loss: Loss) -> Loss:
    """Add all of it to the trial's `error.txt`; gives the loss with the cause of death, where the process named one."""
    lines = last_lines(folder, LINES)
    words = last_words(lines) if loss.kind == "process" else None
    told = replace(loss, told=f"{loss.told} ({words})") if words else loss
    parts = [told.told, loss.said.strip()]
    if lines:
        parts += [f"-- the last of {WORKER_LOG}:", *lines]
    keep_details(folder, "\n".join(part for part in parts if part))
    return told


def where_kept(trial_folder: Path) -> str:
    """For people, from the run's folder on."""
    return f"{trial_folder.parent.name}/{trial_folder.name}/{ERROR_FILE}"
