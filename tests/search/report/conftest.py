from __future__ import annotations

from pathlib import Path

import pytest

from search.report.write import write_report
from search.run.results import load_results
from tests.search.made_runs import two_arm_run


@pytest.fixture(scope="package")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run's report: two arms, eight confirm seeds."""
    run = two_arm_run(tmp_path_factory.mktemp("report") / "run").path
    write_report(load_results(run), run / "report")
    return run / "report"
