"""argparse, with a mistake as one clear line that names the nearest option."""

from __future__ import annotations

import argparse
import re
from typing import Any, NoReturn

from models.errors import UserError
from models.names import nearest, suggestion


class Parser(argparse.ArgumentParser):
    """Raises UserError where argparse would print usage and leave; options are never abbreviated."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        settings.setdefault("allow_abbrev", False)
        super().__init__(**settings)

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{self.prog}: {message}{self._hint(message)}; see `{self.prog} --help`")

    def _hint(self, message: str) -> str:
        unknown = re.match(r"unrecognized arguments: (-\S+)", message)
        if unknown:
            return suggestion(nearest(unknown[1].split("=")[0], self._option_string_actions))
        choice = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
        return suggestion(nearest(choice[1], re.findall(r"[\w-]+", choice[2]))) if choice else ""
