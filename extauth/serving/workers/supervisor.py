"""The supervisor: starts the workers, keeps them running, changes and stops them; has the admin port for all."""

import os
from pathlib import Path

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from extauth.policy.endpoints import endpoints
from extauth.policy.settings import SidecarSettings
from extauth.serving.admin import AdminServer
from extauth.serving.certificates import Certificates
from extauth.serving.reload import PolicyReloader
from extauth.serving.workers.census import Gathering, Readiness
from extauth.serving.workers.fleet import Fleet
from extauth.serving.workers.fork_server import ForkServer
from extauth.serving.workers.ports import SharedPorts
from extauth.serving.workers.rolling_restart import RollingRestart
from extauth.serving.workers.rollout import take_over
from extauth.settings.source import Source
from extauth.telemetry.background_log import BackgroundLog
from extauth.telemetry.logs import logger
from extauth.telemetry.many_processes import ManyProcesses
from extauth.telemetry.sidecar_metrics import policy_reloads
from extauth.telemetry.supervisor_metrics import SupervisorMetrics

_log = logger(__name__)


class Supervisor:
    """`start`, then `stop`. `path` is the settings' file, which is watched.

    Raises BindError, SettingsError, TlsError and WorkerError when it cannot start.
    """

    def __init__(self, settings: SidecarSettings, path: Path, fork_server: ForkServer) -> None:
        registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        metrics, counts = SupervisorMetrics(registry), ManyProcesses()
        self._fork_server = fork_server
        self._ports = SharedPorts()
        self._addresses = self._ports.reserve(settings.listen.grpc)
        self._fleet = Fleet(
            workers=settings.workers,
            addresses=self._addresses,
            path=str(path),
            text=Source.read(path).text,
            fork_server=fork_server,
            counts=counts,
            metrics=metrics,
        )
        self.reloader = PolicyReloader(
            path, settings, lambda _settings, text: take_over(self._fleet, text), policy_reloads(registry)
        )
        self.restart = RollingRestart(path, settings, self._fleet, self.reloader)
        self._readiness = Readiness(self._fleet)
        gathering = Gathering(self._fleet, counts, metrics, registry)
        self._certificates = Certificates(settings, registry, "admin")
        self._log_lines = BackgroundLog()
        self._admin = AdminServer(settings.listen.admin, gathering, self._readiness, self._certificates.of("admin"))

    def start(self) -> None:
        self._fork_server.start()
        self._log_lines.start()
        self._fleet.begin()
        self._admin.start()
        self._certificates.start()
        self._fleet.wait_until_serving()
        self.reloader.start()
        self.restart.start()
        _log.info(
            "serving",
            grpc=list(endpoints(self._addresses, len(self._fleet.slots))),
            admin=self._admin.port,
            pid=os.getpid(),
            workers=len(self._fleet.slots),
        )

    def stop(self) -> None:
        """Drain all workers at the same time, not ready, then end them and what is left."""
        self._readiness.draining = True
        self.reloader.stop(timeout=1)
        self._fleet.stop(self.restart.time_to_stop)
        self._ports.release()
        self._admin.stop()
        self._certificates.stop()
        self._fork_server.close()
        _log.info("stopped")
        self._log_lines.stop(timeout=2)
