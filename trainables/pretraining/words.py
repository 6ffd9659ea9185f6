"""What a pretraining says of itself as it begins."""

from __future__ import annotations

from trainables.config.pretrain import PretrainConfig
from trainables.pretraining.folder import Standing
from trainables.pretraining.processes import Processes
from trainables.pretraining.trained import Trained
from trainables.training.batch_norm import has_batch_norm


def beginning(config: PretrainConfig, trained: Trained, processes: Processes, standing: Standing) -> list[str]:
    """A line each."""
    batch = config.train.batch_size
    lines = []
    if processes.are_several:
        lines.append(
            f"{processes.count} processes on {trained.engine.device.type} train together, of each batch of {batch} images "
            f"about {batch / processes.count:g} each; steps are not recorded as CUDA graphs"
        )
        if has_batch_norm(trained.network):
            lines.append(
                "BatchNorm normalises by the images of all processes"
                if config.sync_batch_norm
                else "BatchNorm normalises by each process's own images, and of its running statistics the first process's are "
                "kept; sync_batch_norm: true takes those of all"
            )
    if config.scale_lr == "linear":
        lines.append(
            f"learning rate {config.peak_lr:g} = {config.train.lr:g} x {batch} / {config.lr_batch_size} (scale_lr: linear)"
        )
    if config.ema_decay is not None:
        lines.append(f"what is validated and kept is a moving average of the weights, of decay {config.ema_decay:g}")
    if standing.history or standing.begun:
        steps = "" if standing.begun is None else f" and {standing.begun.tally.steps} steps"
        done = len(standing.history)
        lines.append(f"goes on after {done} epoch{'' if done == 1 else 's'}{steps}")
        lines += _other_batches(config, trained, processes, standing)
    return lines


def _other_batches(config: PretrainConfig, trained: Trained, processes: Processes, standing: Standing) -> list[str]:
    """A warning where BatchNorm is about to be given other images together than in the last epoch."""
    before = standing.times[-1]["processes"] if standing.times else processes.count
    if before == processes.count or config.sync_batch_norm or not has_batch_norm(trained.network):
        return []
    batch = config.train.batch_size
    ran = "one process" if before == 1 else f"{before} processes"
    return [
        f"warning: BatchNorm normalises about {batch / processes.count:g} images at a time from here on, and "
        f"{batch / before:g} in the epoch before, which ran in {ran}: another training than in either number throughout; "
        "sync_batch_norm: true, said at the start, makes them one"
    ]
