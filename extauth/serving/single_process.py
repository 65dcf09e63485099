"""A sidecar that is one process, with its admin port and the watch on its policy file."""

import os
from pathlib import Path

from extauth.policy.settings import SidecarSettings
from extauth.serving.admin import AdminServer
from extauth.serving.reload import PolicyReloader
from extauth.serving.sidecar import Sidecar
from extauth.telemetry.logs import logger

_log = logger(__name__)


class SingleProcess:
    """`start`, then `stop`. `path` is the settings' file, which is watched.

    Raises SecretError, MissingExtraError, TlsError and BindError when it cannot start.
    """

    def __init__(self, settings: SidecarSettings, path: Path) -> None:
        self._sidecar = sidecar = Sidecar(settings, listeners=("grpc", "admin"))
        self.reloader = PolicyReloader(path, settings, lambda changed, _text: sidecar.apply(changed), sidecar.reloads)
        tls = sidecar.certificates.of("admin")
        self._admin = AdminServer(settings.listen.admin, sidecar.registry, sidecar.components, tls)

    def start(self) -> None:
        self._admin.start()
        self._sidecar.prepare()
        bound = self._sidecar.listen()
        self.reloader.start()
        _log.info("serving", grpc=list(bound.values()), admin=self._admin.port, pid=os.getpid())

    def stop(self) -> None:
        """Drain, and close everything."""
        self._sidecar.stop()
        self.reloader.stop(timeout=1)
        self._admin.stop()
        _log.info("stopped")
