"""The summaries behind TensorBoard's HParams tab: what a trial started with, and how it ended.

No experiment summary is written: TensorBoard would take the first trial's as the list of columns and drop the keys that only
other arms search. Without one it shows the union over all trials, running ones included.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.plugins.hparams.api_pb2 import Status
from tensorboard.plugins.hparams.metadata import (
    PLUGIN_DATA_VERSION,
    PLUGIN_NAME,
    SESSION_END_INFO_TAG,
    SESSION_START_INFO_TAG,
)
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo

ENDINGS = {
    "finished": "STATUS_SUCCESS",
    "stopped": "STATUS_SUCCESS",
    "diverged": "STATUS_FAILURE",
    "failed": "STATUS_FAILURE",
}
"""How TensorBoard words a trial's status; it knows of no early stop. A status that is none of these is not an end."""


def session_start(values: Mapping[str, Any]) -> Any:
    """The summary that lists a trial's values by dotted key, nested mappings flattened."""
    info = SessionStartInfo(start_time_secs=time.time())
    for key, value in flat(values).items():
        if isinstance(value, bool):
            info.hparams[key].bool_value = value
        elif isinstance(value, int | float) and math.isfinite(value):
            info.hparams[key].number_value = value
        else:
            # TensorBoard drops what is neither number, truth value nor text: None and lists among them.
            info.hparams[key].string_value = value if isinstance(value, str) else repr(value)
    return _summary(SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=info, version=PLUGIN_DATA_VERSION))


def session_end(status: str) -> Any:
    """The summary that says how a trial ended; `status` is one of ENDINGS."""
    info = SessionEndInfo(status=Status.Value(ENDINGS[status]), end_time_secs=time.time())
    return _summary(SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=info, version=PLUGIN_DATA_VERSION))


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one with dotted keys."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        nested = isinstance(value, Mapping) and value
        result |= flat(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}": value}
    return result


def _summary(tag: str, content: Any) -> Any:
    plugin = SummaryMetadata.PluginData(plugin_name=PLUGIN_NAME, content=content.SerializeToString())
    return Summary(value=[Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=plugin))])
