"""All workers replaced, one after the other, with the settings' file as it is now."""

import threading
from collections.abc import Iterator
from pathlib import Path

from extauth.policy.settings import SidecarSettings
from extauth.serving.reload import PolicyReloader
from extauth.serving.workers.fleet import Fleet
from extauth.settings.model import validate
from extauth.settings.problems import SettingsError
from extauth.settings.source import Source
from extauth.telemetry.logs import logger

_log = logger(__name__)
_CLOSING = 10.0  # seconds beyond `shutdown` in which a worker closes what it has open


class RollingRestart:
    """A thread that restarts the workers once for each `ask`; those that come while it does are one more."""

    def __init__(self, path: Path, settings: SidecarSettings, fleet: Fleet, reloader: PolicyReloader) -> None:
        self._path = path
        self._settings = settings
        self._fleet = fleet
        self._reloader = reloader
        self._asked = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rolling-restart", daemon=True)

    @property
    def time_to_stop(self) -> float:
        """Seconds in which a worker drains and ends, at most."""
        return self._settings.shutdown.delay + self._settings.shutdown.grace + _CLOSING

    def start(self) -> None:
        self._thread.start()

    def ask(self) -> None:
        """From any thread."""
        self._asked.set()

    def _run(self) -> None:
        while True:
            self._asked.wait()
            self._asked.clear()
            self._restart()

    def _restart(self) -> None:
        try:
            source = Source.read(self._path)
            settings = validate(SidecarSettings, source)
        except SettingsError as error:
            _log.error("restart_refused", problems=[str(problem) for problem in error.problems])
            return
        _log.info("restarting_one_by_one", need_a_restart_of_all=list(_kept(self._settings, settings)))
        for slot in self._fleet.slots:
            problem = self._fleet.replace(slot, source.text, self.time_to_stop)
            if problem is not None:
                _log.error("restart_given_up", worker=slot.worker, problem=problem)
                return
            self._fleet.start_with(source.text)
        self._settings = settings
        self._reloader.restarted_with(settings, source.text)
        _log.info("restarted_one_by_one")


def _kept(before: SidecarSettings, now: SidecarSettings) -> Iterator[str]:
    """What has changed and is the supervisor's own."""
    if now.workers != before.workers:
        yield "workers"
    for name in ("grpc", "admin"):
        if getattr(now.listen, name) != getattr(before.listen, name):
            yield f"listen.{name}"
