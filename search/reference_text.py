"""What `docs/study-files.md` says that the configuration classes do not say themselves."""

from __future__ import annotations

OPENING = """# Study files

A study file is YAML. `prunetune validate STUDY` checks one without running it. A key that does not exist is an error that
names its line and the nearest key that does. Relative paths are taken from the file's folder. Any key can be set on the
command line, `--set trial.train.lr=0.001`; on a searched key that fixes it.

This page is made from the classes that read the file, by `python -m search.reference`; a test keeps it current.

| section | what it holds |
|---|---|
| `name` | names the run's folder; default: the file's own name |
| `trial` | what all trials share: everything one trial is made of |
| `arms` | named patches of `trial` that are compared under equal budgets, such as `rsst: {prune.method: rsst}` |
| `space` | the keys of `trial` that are searched, each with a distribution |
| `search` | how they are searched, by what, and the confirm phase |
| `scheduler` | early stopping |
| `resources` | processors, GPUs, time |
| `compare` | what will be claimed, fixed before running |
| `retention` | which networks stay on the disk |
| `provenance` | written by `prunetune export`; changes nothing |
"""

SPACE = """## `space`

A key relative to `trial`, and how it is drawn:

| written as | draws |
|---|---|
| `{uniform: [low, high]}` | a number; with `step: s` only every s-th |
| `{log_uniform: [low, high]}` | a number, uniform in its logarithm |
| `{quniform: [low, high, step]}` | the same as `uniform` with `step` |
| `{int: [low, high]}` | a whole number; with `step: s` only every s-th |
| `{log_int: [low, high]}` | a whole number, uniform in its logarithm |
| `{choice: [a, b, ...]}` | one of these; each may be a list or a whole section |
| `{grid: [a, b, ...]}` | the same; the word says that a grid runs them all |

`arms: [rsst]` beside a distribution searches the key in those arms alone. `when: {other.key: value}` (or a list of values)
searches it only where the other key has that value. A list of distributions searches one key differently under different
conditions. A key that is searched must not be patched by an arm that searches it.
"""

SECTIONS = {
    "trial": "Everything one trial is made of. With its seed it determines the result.",
    "trial.model": "The network and where its weights come from.",
    "trial.model.init": "Initial weights; see [weights.md](weights.md) for what is refused and why.",
    "trial.data": "The images. A validation part is held out to choose by; the test split is apart from both.",
    "trial.data.augment": "What is done to training images, in this order.",
    "trial.train": "How each state trains. Optimiser and learning rate start afresh in every state.",
    "trial.train.schedule": "The learning rate within one state.",
    "trial.train.distill": "Distillation from the trial's own dense network at the end of state 0.",
    "trial.prune": "Which units go, how many, when; see [methods.md](methods.md) for the formulas.",
    "trial.prune.schedule": "How much of each kind is kept after each pruning event.",
    "trial.prune.rsst": "The growing penalty of method `rsst`; strength is `shrink` or `lambda_max`, never both.",
    "trial.prune.scratch": "The `scratch` control.",
    "trial.measure": "What is measured at every state's end besides accuracy, parameters and multiply-accumulates.",
    "search": "How the space is searched. Every arm gets the same number of configurations and the same seeds.",
    "scheduler": "Early stopping, at the ends of states alone, per arm; controls and confirming trials are never stopped.",
    "resources": "What each trial is given, and where and for how long the study runs.",
    "compare": "The comparison that will be claimed.",
    "retention": "Which states' networks stay on the disk once a trial has ended. The record of every state always does, and "
    "a file that another trial of the study takes its structure from stays too.",
}

MEANINGS = {
    "trial.model.arch": "`vit_micro`, `vit_tiny`, `vit_small`, `vit_base`, `twistnet18`, or `timm:NAME` for any timm model.",
    "trial.model.init.source": "`pretrained` must be proven; `path` may run unproven; `random` is drawn from the seed.",
    "trial.data.name": "Which data set.",
    "trial.data.augment.flip": "Mirror left to right with probability one half.",
    "trial.data.augment.random_resized_crop": "Comes before all others.",
    "trial.train.optimizer": "The optimiser.",
    "trial.train.lr": "The peak learning rate.",
    "trial.train.weight_decay": "Weight decay.",
    "trial.train.betas": "For `adamw`.",
    "trial.train.batch_size": "Images per step.",
    "trial.train.epochs_per_state": "Epochs of each state.",
    "trial.train.schedule.kind": "The curve after warm-up.",
    "trial.train.schedule.gamma": "For `multi_step`: the factor at each milestone.",
    "trial.train.label_smoothing": "Label smoothing.",
    "trial.train.clip_grad_norm": "Gradients are scaled down to this norm; null: never.",
    "trial.train.distill.temperature": "Softens both networks' outputs.",
    "trial.prune.method": "`refill`, `rsst`, or a control.",
    "trial.prune.target": "Heads, MLP neurons, both, or channels of residual blocks.",
    "trial.prune.criterion": "How units are scored; the lowest go.",
    "trial.prune.normalize": "How scores of different groups are made comparable under `scope: global`.",
    "trial.prune.scope": "Rank units within each group, or over all groups of a kind; kinds are never ranked together.",
    "trial.prune.widths": "Take widths from the kept fraction, or from a global magnitude mask (Refill as published).",
    "trial.prune.rewind": "What survivors are set to before a state: left as trained, the initial weights, or `{epoch: e}`.",
    "trial.prune.schedule.kind": "How the kept fraction falls.",
    "trial.prune.rsst.curve": "How the penalty grows over the ramp.",
    "trial.prune.rsst.lambda_max": "The penalty's strength at the end of the ramp.",
    "trial.prune.rsst.coupling": "Shrink weights directly, or through the gradient as in the papers.",
    "trial.measure.latency_batch": "Images in that forward pass.",
    "search.algorithm": "How configurations are proposed.",
    "search.objective": "A metric, `{metric: val_accuracy, at: 60}` for its value at that removal, or several: "
    "`{val_accuracy: max, macs: min}`. Metrics: val_accuracy, val_loss, macs, params, removed_percent, and latency_ms where "
    "`measure.latency` is on.",
    "search.constraints": "Such as `macs <= 0.3` (a share of the dense network's) or `params <= 5M`.",
    "search.confirm": "`{seeds: [...]}`: rerun each arm's validation-chosen configuration on these fresh seeds, to the end.",
    "scheduler.kind": "The rule.",
    "resources.cpus_per_trial": "Processors of each trial.",
    "resources.max_concurrent": "Trials at once, at most.",
    "compare.metric": "What is compared.",
    "compare.alpha": "Significance level.",
    "retention.states": "`all`: every state's.",
}
"""Keys whose classes carry no sentence of their own."""

RANGES = {
    "search.objective": "a metric, or several",
    "search.constraints": "list of texts",
    "search.confirm": "`{seeds: [...]}` or null",
    "search.enqueue": "list of configurations",
    "compare.at": "a percentage, `{macs: share}`, or a list",
    "trial.prune.rewind": "`continue`, `init`, `{epoch: e}`",
    "resources.time_budget": "seconds, or text such as `2h30m`",
}
"""Values that a type alone would describe badly."""

DEFAULTS = {"search.objective": "`val_accuracy`"}
