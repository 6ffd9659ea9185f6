"""Files that are emptied or cut while nobody drives the run: it comes to the same numbers, or one line names the file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.faults.cases import LAUNCHES, Commands, Said, Undisturbed, about_what_was_said
from tests.faults.points import Fault, kind_of
from tests.faults.reading import differences, outcome

How = Literal["emptied", "cut to half"]
LOOKS = (("status", "--json"), ("compare", "--json"), ("report",), ("export",))
"""Commands that read a run, with their options."""
LOCKS = (".lock",)


@dataclass(frozen=True)
class Damage:
    """`file` is relative to the run, `kind` as a point of its writing has it."""

    file: Path
    kind: str
    how: How


@dataclass(frozen=True)
class Halted:
    """A run that is left alone: `folder` is a copy of it that is never touched."""

    folder: Path

    @classmethod
    def halfway(cls, commands: Commands, undisturbed: Undisturbed) -> Halted:
        """Killed where some trials have finished, and one is in the middle of its second state."""
        ends = [one.number for one in undisturbed.points if one.file == "trials/*/worker.log"]
        after = [
            one.number
            for one in undisturbed.points
            if one.number > ends[-2] and one.file == "trials/*/checkpoint/latest.safetensors"
        ]
        return cls._kept(commands, "halfway", Fault(after[-2], "machine", "after"))

    @classmethod
    def complete(cls, commands: Commands) -> Halted:
        return cls._kept(commands, "complete", None)

    @classmethod
    def _kept(cls, commands: Commands, name: str, fault: Fault | None) -> Halted:
        shutil.rmtree(commands.folder / "case", ignore_errors=True)
        commands.sweep("case", fault)
        kept = commands.folder / name
        shutil.copytree(commands.run("case"), kept)
        return cls(kept)

    def damages(self) -> Iterator[Damage]:
        """Of each kind of file one, emptied and cut to half."""
        kinds: dict[str, Path] = {}
        for path in sorted(self.folder.rglob("*")):
            file = path.relative_to(self.folder)
            if path.is_file() and path.stat().st_size and file.name not in LOCKS:
                kinds[_kind(file)] = file
        for kind, file in kinds.items():
            yield Damage(file, kind, "emptied")
            yield Damage(file, kind, "cut to half")


def _kind(file: Path) -> str:
    kind = kind_of(file)
    return "trials/*/events.out.tfevents*" if "events.out" in kind else kind


def judge_damage(commands: Commands, undisturbed: Undisturbed, halted: Halted, damage: Damage) -> tuple[str, list[str]]:
    """`the same numbers` or `refused in one line`; and what is wrong, in words."""
    run = commands.run("case")
    shutil.rmtree(run.parent, ignore_errors=True)
    shutil.copytree(halted.folder, run, copy_function=shutil.copy2)
    path = run / damage.file
    os.truncate(path, 0 if damage.how == "emptied" else path.stat().st_size // 2)
    wrong = []
    for command, *options in LOOKS:
        said = commands.give("case", [command, str(run), *options])
        wrong += [f"{command}: {text}" for text in about_what_was_said(said, None)]
    for _ in range(LAUNCHES):
        said = commands.sweep("case")
        wrong += about_what_was_said(said, None)
        if wrong or said.status:
            break
        if ": complete" in said.out:
            break
    if wrong or said.status:
        return "refused in one line", [*wrong, *_about_a_refusal(said, damage)]
    # The file itself may lie there as it is, where nothing has asked for it; and a shared state that is damaged is removed.
    itself = f"{damage.file.parent}/" if damage.file.parts[0] == "stages" else str(damage.file)
    found = [file for file in differences(undisturbed.outcome, outcome(run)) if not file.startswith(itself)]
    return "the same numbers", [f"{file} differs" for file in found]


def _about_a_refusal(said: Said, damage: Damage) -> list[str]:
    named = damage.file.name in said.err or str(damage.file) in said.err
    return [] if said.status and named else [f"status {said.status}, and it is not named: {said.err[-500:]}"]
