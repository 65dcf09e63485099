"""ServerCertificate: the certificate of a listener, taken over when its files change; bad files change nothing."""

import ssl
import threading

from extauth.settings.tls import ServerTls
from extauth.telemetry.logs import logger
from extauth.telemetry.tls_metrics import TlsMetrics
from extauth.tls.expiry import expires_at
from extauth.tls.material import Material, TlsError

_log = logger(__name__)
_PACE = 2.0  # seconds between looks at the files


class ServerCertificate:
    """`start`, then `stop`. The files are compared by content, so that a mounted Secret's change of links is seen.

    New connections use what is new; those that are open go on. Raises TlsError when it is made of bad files.
    """

    def __init__(self, listener: str, settings: ServerTls, metrics: TlsMetrics) -> None:
        self._listener = listener
        self._settings = settings
        self._metrics = metrics
        self._problem: str | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"tls-{listener}", daemon=True)
        for outcome in ("applied", "refused"):  # a series that begins at 1 shows no increase
            metrics.reloads.labels(listener, outcome)
        self.material = Material.read(settings)
        self.context = self.material.context
        """For the `ssl` module, of which a server takes one and keeps it: each handshake asks for the one in use."""
        self.context.sni_callback = self._use_newest
        self._tell_expiry()

    @property
    def asks_clients(self) -> bool:
        """Whether clients must show a certificate."""
        return self._settings.client_ca_file is not None

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def look(self) -> None:
        """Take the files over if they have changed and are good."""
        try:
            found = Material.read(self._settings)
        except TlsError as error:
            self._refuse(str(error))
            return
        self._problem = None
        if found == self.material:
            return
        self.material = found
        self._metrics.reloads.labels(self._listener, "applied").inc()
        self._tell_expiry()
        _log.info("certificate_taken_over", listener=self._listener)

    def _run(self) -> None:
        while not self._stopping.wait(_PACE):
            self.look()

    def _refuse(self, problem: str) -> None:
        if problem == self._problem:
            return
        self._problem = problem
        self._metrics.reloads.labels(self._listener, "refused").inc()
        _log.error("certificate_refused_and_the_old_one_kept", listener=self._listener, problem=problem)

    def _tell_expiry(self) -> None:
        moment = expires_at(self._settings.certificate_file, self._settings.key_file)
        if moment is not None:
            self._metrics.expires.labels(self._listener).set(moment)

    def _use_newest(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self.material.context
