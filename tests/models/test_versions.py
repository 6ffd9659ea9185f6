"""Versions of installed libraries, by name."""

from __future__ import annotations

import subprocess
import sys

import timm

from models.versions import library_versions


def test_each_installed_library_has_its_version_and_the_others_are_left_out() -> None:
    assert library_versions(("timm", "no-such-library")) == {"timm": timm.__version__}


def test_asking_for_versions_imports_no_library() -> None:
    program = "import sys, models.versions as m; m.library_versions(('torch', 'ray')); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"
