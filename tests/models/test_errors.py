"""What an error of a user carries besides its message."""

from __future__ import annotations

import pickle

import pytest

from models.errors import UserError, WeightsRefused


@pytest.mark.parametrize(
    "error",
    [
        UserError("found 1; make it 2 or more", key="train.batch_size"),
        WeightsRefused("refused: empty", ("the file is empty",), key="model.init"),
    ],
)
def test_an_error_crosses_from_another_process_whole(error: UserError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (str(again), again.__dict__) == (str(error), error.__dict__)
    assert str(error) == f"{error.key}: {error.text}"


def test_a_retold_error_keeps_its_kind_and_its_evidence() -> None:
    retold = WeightsRefused("refused: empty", ("the file is empty",), key="model.init").retold("study.yaml, line 3: no")
    assert isinstance(retold, WeightsRefused)
    assert (str(retold), retold.evidence, retold.key) == ("study.yaml, line 3: no", ("the file is empty",), None)
