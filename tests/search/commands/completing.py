"""What a shell is offered, asked as bash asks."""

from __future__ import annotations

import pytest

from search import cli


def completions(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str) -> list[str]:
    """What bash is offered when the tab key is pressed at the end of `line`."""
    monkeypatch.setenv("_PRUNETUNE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(line.count(" ")))
    assert cli.main([]) == 0
    return capsys.readouterr().out.split()
