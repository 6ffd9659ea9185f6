"""Reading a study file: its plain form, the command line's `--set` in place, and the study made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from models.errors import UserError
from models.own_parts import look_in, look_in_last
from models.own_parts.kept import look_where_kept
from pruning.own_methods import import_methods
from search.config_file import key_tree, packaged, yaml_file
from search.config_file.mistakes import Sources, first_problem
from search.space.distributions import MOST_VALUES
from search.space.parameter import Parameter
from search.space.reading import read_space
from search.space.space import Space
from search.study.arm import Arm
from search.study.beside.run_names import take_names
from search.study.claims import default_claim
from search.study.compared.images import check_judged_alike
from search.study.dense_recipe import divided
from search.study.overrides import apply_sets
from search.study.plain_form import Raw, plain_form
from search.study.rules import check_study_file
from search.study.sections import SearchConfig, StudySections
from search.study.study import Study


def load_study(
    path: Path, sets: Sequence[str] = (), name: str | None = None, *, recorded: bool = False, goes_on: bool = False
) -> Study:
    """Read and check a study file, with `--set` options in place; `name` replaces the file's own.

    `recorded`: it is a run's own file, in which what is not said had not been thought of when the run began. It is read without
    importing anything that it names, and names are not checked, unless it `goes_on`: then trials of it are to run.
    Relative paths in the file are resolved against its folder, those in `sets` against the working folder; a user's own parts
    are looked for in both. A bare name that is no file here may be one of prunetune's own (`packaged.py`).
    UserError names the line or option, the key, and the nearest valid name.
    """
    path = packaged.found(path)
    document = yaml_file.read(path)
    folder = path.resolve().parent
    if not recorded:
        look_in(folder)
        look_in_last(Path.cwd())  # said, for Ray's processes have another
    to_run = goes_on or not recorded
    for run in (folder, folder.parent) if to_run else ():  # its own file, or one within it, such as its `best.yaml`
        look_where_kept(run)
    sources = Sources.of_file(str(path), document.lines)
    if not isinstance(document.content, dict):
        raise UserError(f"{path}: a study file with `name:` and `trial:` is expected, found {document.content!r:.60}")
    if is_pretraining(document.content):
        raise UserError(f"{path}: this is a pretraining file, not a study; give it to `prunetune pretrain`")
    raw = plain_form({"name": path.stem, **document.content}, sources, folder)
    if name is not None:
        raw, sources = {**raw, "name": name}, sources.with_option(("name",), f"--name {name}")
    raw, sources = apply_sets(raw, sources, sets)
    if to_run:
        import_methods(raw)
    else:
        take_names(raw, folder)
    study = build_study(as_it_was(raw) if recorded else raw, sources)
    check_study_file(study)
    if recorded:
        return study
    check_judged_alike(study)
    return replace(study, folder=folder)


def is_pretraining(content: Mapping[str, Any]) -> bool:
    """Whether a file's content is one for `prunetune pretrain`: a network and a weights file to write, and no trial."""
    return "trial" not in content and {"model", "output"} <= content.keys()


def as_it_was(raw: Mapping[str, Any]) -> Raw:
    """A study of an earlier version with what later ones ask for: before `compare.claim` was there, verdicts were about
    the chosen configurations."""
    compare = raw.get("compare") or {}
    return {**raw, "compare": {**compare, "claim": compare.get("claim") or "configurations"}}


def build_study(raw: Raw, sources: Sources) -> Study:
    """A study from its plain form; each part is valid by itself, but not yet checked against the others."""
    try:
        sections = StudySections.model_validate({key: raw[key] for key in raw if raw[key] is not None})
    except ValidationError as error:
        place, text = first_problem(error, raw, StudySections)
        raise sources.error(place, text) from None
    patches = sections.arms or {"trial": {}}
    trees = {name: key_tree.with_keys(sections.trial, patch) for name, patch in patches.items()}
    space, dense_space = divided(read_space(sections.space or {}, trees, sources), sections.search)
    grid = sections.search.algorithm == "grid"
    if grid:
        _check_countable((*space.parameters, *dense_space.parameters), sources)
    search = _with_grid_size(sections.search, space, sources) if grid else sections.search
    study = Study(
        name=sections.name,
        trial=sections.trial,
        arms={name: Arm(name, patch, trees[name], space.for_arm(name), sources) for name, patch in patches.items()},
        space=space,
        dense_space=dense_space,
        search=search,
        scheduler=sections.scheduler,
        resources=sections.resources,
        compare=sections.compare,
        retention=sections.retention,
        logging=sections.logging,
        callbacks=sections.callbacks,
        searched_keys=tuple(sections.space or {}),
        sources=sources,
    )
    if study.compare.claim is not None:
        return study
    compare = study.compare.model_copy(update={"claim": default_claim(study)})
    return replace(study, compare=compare, claim_by_default=True)


def _with_grid_size(search: SearchConfig, space: Space, sources: Sources) -> SearchConfig:
    """The search with as many trials per arm as the grid has points, where the file does not say how many."""
    sizes = {arm: space.grid_size(arm) for arm in space.base if space.for_arm(arm)}
    if any(size > MOST_VALUES for size in sizes.values()):
        arm = max(sizes, key=lambda one: sizes[one])
        raise sources.error(
            ("space",),
            f": the grid of arm {arm} has more than {MOST_VALUES:,} points; list fewer values, or take larger steps",
        )
    if "trials_per_arm" in search.model_fields_set or not sizes:
        return search
    if len(set(sizes.values())) > 1:
        found = ", ".join(f"{arm} has {size}" for arm, size in sizes.items())
        raise sources.error(
            ("search",), f": the arms' grids are of unequal size ({found} points); give search.trials_per_arm"
        )
    return search.model_copy(update={"trials_per_arm": next(iter(sizes.values()))})


def _check_countable(parameters: Sequence[Parameter], sources: Sources) -> None:
    for parameter in parameters:
        if parameter.distribution.grid() is None:
            raise sources.error(
                ("space", parameter.key),
                f": a continuous distribution has no grid, nor has one of more than {MOST_VALUES:,} values; "
                "write {grid: [...]} or {uniform: [lowest, highest], step: ...}",
            )
