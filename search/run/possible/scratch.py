"""The structure that the `scratch` control takes where it is run alone."""

from __future__ import annotations

from models.errors import UserError
from search.config_file.key_tree import replaced
from search.run.folder import RunFolder
from trainables.config.trial import TrialConfig
from trainables.files.record import read_record


def with_structure(arm: str, config: TrialConfig, run: RunFolder) -> TrialConfig:
    """For the `scratch` control run alone: the state file of the named arm's trial in the same run."""
    scratch = config.prune.scratch
    if not config.prune.traits.from_scratch or scratch.file is not None:
        return config
    source = run.trial_folder(str(scratch.arm))
    record = read_record(source)
    if record is None or record.status != "finished":
        raise UserError(
            f"--arm {arm}: takes the final structure of arm {scratch.arm}, which has no finished trial in {run.path}; "
            f"run `prunetune trial` with --arm {scratch.arm} first, or set prune.scratch.file"
        )
    file = str(source / str(record.states[-1].file))
    return TrialConfig.model_validate(replaced(config.model_dump(mode="json"), "prune.scratch.file", file))
