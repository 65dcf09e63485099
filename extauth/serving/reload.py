"""Taking over a changed policy file while serving; a bad one changes nothing.

`apis`, `errors`, `key_guessing` and `outage` are taken over. Other sections describe the process itself and need a
restart: they are named in the log, and what else changed is taken over all the same, unless an API refers to an issuer
that is not there yet.
"""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

from prometheus_client import Counter

from extauth.policy.settings import SidecarSettings
from extauth.settings.model import validate
from extauth.settings.problems import SettingsError
from extauth.settings.source import Source
from extauth.telemetry.logs import logger

_log = logger(__name__)
_PACE = 2.0  # seconds between looks at the file
_TAKEN_OVER = ("apis", "errors", "key_guessing", "outage")

Apply = Callable[[SidecarSettings, str], None]
"""Take over settings of which only the policy has changed, and the file's text. May raise RefusedError."""


class RefusedError(Exception):
    """A policy that cannot be taken over although its file is good; the text says why."""


def with_policy_of(settings: SidecarSettings, other: SidecarSettings) -> SidecarSettings:
    """The policy of the other, and the rest as it is."""
    return settings.model_copy(update={name: getattr(other, name) for name in _TAKEN_OVER})


class PolicyReloader:
    """A thread that watches the file: by content, so that a mounted ConfigMap's change of links is seen as well."""

    def __init__(self, path: Path, settings: SidecarSettings, apply: Apply, reloads: Counter) -> None:
        self._path = path
        self._settings = settings
        self._apply = apply
        self._reloads = reloads
        self._seen = _fingerprint(path)
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="policy-reload", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def look_now(self) -> None:
        """Without waiting for the next look; from any thread."""
        self._wake.set()

    def restarted_with(self, settings: SidecarSettings, text: str) -> None:
        """All of the settings are in use by other means: what has changed is told from these."""
        self._settings = settings
        self._seen = hashlib.sha256(text.encode()).digest()

    def stop(self, timeout: float) -> None:
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait(_PACE)
            self._wake.clear()
            if not self._stopping:
                self.look()

    def look(self) -> None:
        """Take the file over if it has changed and is good."""
        found = _fingerprint(self._path)
        if found is None or found == self._seen:  # a file that is being replaced may be away for a moment
            return
        self._seen = found
        try:
            source = Source.read(self._path)
            settings = validate(SidecarSettings, source)
        except SettingsError as error:
            self._refuse([str(problem) for problem in error.problems])
            return
        rest = [
            name
            for name in SidecarSettings.model_fields
            if name not in _TAKEN_OVER and getattr(settings, name) != getattr(self._settings, name)
        ]
        if "bearer" in rest:
            self._refuse(["bearer: has changed, which needs a restart"])
            return
        try:
            self._apply(with_policy_of(self._settings, settings), source.text)
        except RefusedError as error:
            self._refuse([str(error)])
            return
        self._reloads.labels("applied").inc()
        _log.info("policy_taken_over", apis=len(settings.apis), need_a_restart=rest)

    def _refuse(self, problems: list[str]) -> None:
        self._reloads.labels("refused").inc()
        _log.error("policy_refused_and_the_old_one_kept", problems=problems)


def _fingerprint(path: Path) -> bytes | None:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return None
