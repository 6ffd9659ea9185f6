"""A tracker that a study names can be used here: its package is there, and its server, where it has one, answers."""

from __future__ import annotations

import http.client
import netrc
import os
import urllib.error
import urllib.request
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from models.errors import UserError
from search.study.beside.logging_section import TRACKERS, without_login
from search.study.study import Study
from trainables.files.failure import describe

PATIENCE = 5.0
WANDB_URL, COMET_URL = "https://api.wandb.ai", "https://www.comet.com"
COMET_FILES = (Path("~/.comet.config"), Path(".comet.config"))
WITHOUT_SERVER = ("offline", "disabled", "dryrun")


def tracker_warnings(study: Study, begun: bool) -> list[str]:
    """UserError for the first tracker that cannot be used. A run that has begun is only told: no trial waits for one."""
    try:
        check_trackers(study)
        check_reachable(study)
    except UserError as error:
        if not begun:
            raise
        return [str(error)]
    return []


def check_trackers(study: Study) -> None:
    """UserError, at its line, for a tracker whose package is not installed, or that has no login."""
    for name in study.logging.trackers:
        module, title = TRACKERS[name]
        if find_spec(module) is None:
            raise study.sources.error(
                ("logging", name),
                f': {title} is not installed here; install it, such as by `pip install "prunetune[{name}]"`, or take '
                f"{name} out of logging",
            )
        if _server(study, name) is not None and name != "mlflow" and not _has_login(name):
            key = {"wandb": "WANDB_API_KEY (or run `wandb login`)", "comet": "COMET_API_KEY (or run `comet login`)"}[
                name
            ]
            raise study.sources.error(
                ("logging", name), f": there is no login to {title}; set {key}, or logging.{name}.mode: offline"
            )


def check_reachable(study: Study) -> None:
    """UserError, at its line, for a server that does not answer."""
    for name in study.logging.trackers:
        url = _server(study, name)
        if url is None:
            continue
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE):
                pass
        except urllib.error.HTTPError:
            pass  # it answers, if only that it wants to know who asks
        except (OSError, ValueError, http.client.HTTPException) as error:
            offline = "leave out its server" if name == "mlflow" else f"set logging.{name}.mode: offline"
            where = ("logging", name, "tracking_uri") if name == "mlflow" else ("logging", name)
            raise UserError(
                f"{study.sources.place(where)}: logging.{name}: {url} does not answer within {PATIENCE:.0f} s "
                f"({getattr(error, 'reason', None) or describe(error)}); start it, mend the address, or {offline}"
            ) from None


def _server(study: Study, name: str) -> str | None:
    """The URL, without a login, that a tracker's server is asked at; None where it needs none, or where it is not known how
    to ask it."""
    settings = getattr(study.logging, name)
    if name == "mlflow":
        uri = without_login(settings.server or "")
        return f"{uri.rstrip('/')}/health" if urlsplit(uri).scheme in ("http", "https") else None
    if name == "wandb":
        offline = (settings.mode or os.environ.get("WANDB_MODE", "online")) in WITHOUT_SERVER
        return None if offline else without_login(os.environ.get("WANDB_BASE_URL", WANDB_URL))
    return None if settings.is_offline else without_login(os.environ.get("COMET_URL_OVERRIDE", COMET_URL))


def _has_login(name: str) -> bool:
    if name == "comet":
        return bool(os.environ.get("COMET_API_KEY")) or any("api_key" in _text(path) for path in COMET_FILES)
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL", WANDB_URL)).hostname or ""
    with suppress(OSError, netrc.NetrcParseError):
        return netrc.netrc().authenticators(host) is not None
    return False


def _text(path: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        return path.expanduser().read_text(encoding="utf-8")
    return ""
