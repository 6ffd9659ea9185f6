"""A trial without a driver whose GPU's memory is full: it goes on with fewer images at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import UserError
from trainables.config.trial import TrialConfig
from trainables.files.failure import Failure, is_out_of_gpu_memory, record_failure
from trainables.files.generation import Fence
from trainables.files.record import read_record
from trainables.files.request import TrialRequest
from trainables.training.micro_batches import images_at_a_time, next_micro_batches, recorded_micro_batches

if TYPE_CHECKING:
    from trainables.trial import Trial


def opened_where_there_is_room(opened: Callable[[], Trial]) -> Trial | None:
    """None where the GPU's memory was full."""
    try:
        return opened()
    except Exception as error:
        if is_out_of_gpu_memory(error):
            return None
        raise


def pieces_to_open_with(
    folder: Path, request: TrialRequest, fence: Fence, config: TrialConfig, pieces: int
) -> tuple[int, str]:
    """Into how many pieces each batch is to be cut, and what to tell, where the GPU's memory was full before it was open."""
    record, state0 = read_record(folder), config.train_of_state(0)
    now = max(pieces, recorded_micro_batches(record.epochs if record else ()))

    def fail(failure: Failure) -> None:
        fence()
        record_failure(folder, request, failure, generation=fence.generation)

    return _more_pieces(max(config.train.batch_size, state0.batch_size), now, fail)


def pieces_to_go_on_with(trial: Trial) -> tuple[int, str]:
    """The same of one that was under way, which is left."""
    found = _more_pieces(trial.procedure.train.batch_size, trial.procedure.micro_batches, trial.fail)
    trial.close()
    return found


def _more_pieces(batch_size: int, now: int, fail: Callable[[Failure], None]) -> tuple[int, str]:
    """A trial that can have no more has failed, which a UserError says."""
    full = f"the GPU's memory does not do for {images_at_a_time(batch_size, now)} of a batch's images at a time"
    following = next_micro_batches(batch_size, now)
    if following is None:
        text = (
            f"{full}, the fewest that a batch of {batch_size} is cut to; take a smaller network or smaller images, a GPU with "
            "more memory, or train.device: cpu"
        )
        fail(Failure("gpu_memory", f"train.batch_size: {text}"))
        raise UserError(text, key="train.batch_size")
    return following, (
        f"{full}; it goes on from its last checkpoint with {images_at_a_time(batch_size, following)} at a time, in "
        f"batches of {batch_size} as before, which its record says"
    )
