"""RegistryServer: the key registry as one process runs it, from its settings."""

from collections.abc import Callable
from contextlib import ExitStack

from prometheus_client import REGISTRY, CollectorRegistry
from starlette.types import ASGIApp

from extauth.registry import times
from extauth.registry.admin_tokens import AdminTokens
from extauth.registry.audit_listing import AuditTrail
from extauth.registry.authentication import Authenticator, BootstrapToken
from extauth.registry.console.assembly import Parts, create_console
from extauth.registry.console.front import Front
from extauth.registry.console.oidc_people import OidcPeople
from extauth.registry.console.oidc_provider import OidcProvider
from extauth.registry.console.session import Sessions
from extauth.registry.database import Database
from extauth.registry.failures import FailureLimit
from extauth.registry.grpc_guard import GrpcGuard
from extauth.registry.grpc_keys import KeyCalls
from extauth.registry.grpc_server import GrpcServer
from extauth.registry.history import History
from extauth.registry.http_server import HttpServer
from extauth.registry.idempotency import IdempotentAnswers
from extauth.registry.imports import KeyImports
from extauth.registry.key_health import KeyHealth
from extauth.registry.leak_sources import signatures_of
from extauth.registry.leaks import LeakReports
from extauth.registry.ledger import Ledger
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.operations import KeyRegistry
from extauth.registry.pepper_use import check_peppers
from extauth.registry.plans import PlanRegistry
from extauth.registry.propagator import Propagator
from extauth.registry.rest.admin_token_routes import AdminTokenRoutes
from extauth.registry.rest.app import Door, create_app
from extauth.registry.rest.audit_routes import AuditRoutes
from extauth.registry.rest.export_routes import ExportRoutes
from extauth.registry.rest.health_routes import HealthRoutes
from extauth.registry.rest.import_routes import ImportRoutes
from extauth.registry.rest.leak_routes import LeakRoutes
from extauth.registry.rest.plan_routes import PlanRoutes
from extauth.registry.rest.routes import KeyRoutes
from extauth.registry.rest.security_headers import SecurityHeaders
from extauth.registry.rest.tenant_routes import TenantRoutes
from extauth.registry.rest.token_routes import TokenRoutes
from extauth.registry.rest.usage_routes import UsageRoutes
from extauth.registry.settings import RegistrySettings
from extauth.registry.tenants import TenantRegistry
from extauth.registry.token_operations import TokenRegistry
from extauth.registry.upkeep import Upkeep
from extauth.registry.upkeep_jobs import jobs_of, thresholds_of
from extauth.registry.watch import WatchKeys
from extauth.telemetry.ledger_metrics import LedgerMetrics
from extauth.telemetry.logs import logger
from extauth.telemetry.tls_metrics import TlsMetrics
from extauth.tls.certificate import ServerCertificate

_log = logger(__name__)
_STOP_PATIENCE = 5.0  # seconds


class RegistryServer:
    """REST and gRPC in front of one database.

    Making one reads the secrets (SecretError) and certificates (TlsError); `start` opens the database and the ports.
    `history` is for the publisher, `ledger` for the collector of usage, `registry` and `tokens` for code in the same
    process; all work from `start` to `stop`.
    """

    def __init__(self, settings: RegistrySettings, metrics: CollectorRegistry = REGISTRY) -> None:
        """UnavailableError when the database's driver is not installed."""
        self._settings = settings
        self._metrics = RegistryMetrics(metrics)
        tls = settings.listen.tls
        self._tls = None if tls is None else ServerCertificate("registry", tls, TlsMetrics(metrics))
        bootstrap = BootstrapToken.read(settings.admin_token) if settings.admin_token else None
        peppers = [pepper.pepper() for pepper in settings.keys.peppers]
        password = settings.database_password.read() if settings.database_password else None
        self._database = Database(settings.database, password)
        self.registry = KeyRegistry(self._database, settings.keys.prefix, peppers, self._metrics)
        self._imports = KeyImports(self._database, peppers, self._metrics)
        self.tenants = TenantRegistry(self._database, self._metrics)
        self.plans = PlanRegistry(self._database, self._metrics)
        self.tokens = TokenRegistry(self._database, peppers, self._metrics)
        self.history = History(self._database)
        ledger_metrics = LedgerMetrics(metrics)
        self.ledger = Ledger(self._database, metrics=ledger_metrics)
        self._leaks = LeakReports(self._database, peppers, self._metrics)
        self._health = KeyHealth(self._database, thresholds_of(settings.health))
        jobs = jobs_of(settings.usage, self._database, ledger_metrics, self._health, self._metrics)
        self._answers = IdempotentAnswers(self._database, peppers)
        forget = {"idempotent_answers": lambda _stopping: self._answers.forget_old()}
        self._upkeep = Upkeep({**jobs, **forget}, self._metrics)
        self._admin_tokens = AdminTokens(self._database, peppers, self._metrics)
        self._authenticator = Authenticator(bootstrap, self._admin_tokens)
        oidc = settings.console.oidc
        self._oidc = None if oidc is None else (OidcProvider(oidc), OidcPeople(oidc))
        people = None if self._oidc is None else self._oidc[1]
        self._sessions = Sessions(self._authenticator, bootstrap, self._admin_tokens, peppers[0], people)
        self._failures = FailureLimit()
        self.http_address = settings.listen.http
        """Where REST answers; after `start` with the real port in place of 0."""
        self.grpc_address = settings.listen.grpc
        """The same for gRPC; None when it is switched off."""
        self.components: dict[str, Callable[[], str | None]] = {}
        """What GET /readyz tells of beside the database, to be added before `start`: what is wrong with it, or None."""
        self._closers = ExitStack()

    def start(self) -> None:
        """Migrate the database, then answer; nothing is left open after an error.

        UnavailableError, ListenError, or MissingPepperError when something in force is under another pepper.
        """
        with ExitStack() as opened:
            opened.callback(self._database.close)
            self._database.migrate()
            self._check_peppers()
            propagator = Propagator(self._database, self._metrics)
            opened.callback(propagator.stop, _STOP_PATIENCE)
            propagator.start()
            self._tell_of_missing_owner()
            opened.callback(self._upkeep.stop, _STOP_PATIENCE)
            self._upkeep.start()
            self._start_grpc(opened)
            if self._oidc is not None:
                opened.callback(self._oidc[0].stop, _STOP_PATIENCE)
                self._oidc[0].start()
                self.components["oidc"] = self._oidc[0].fault
            if self._tls is not None:
                opened.callback(self._tls.stop, _STOP_PATIENCE)
                self._tls.start()
            http = HttpServer(self._app(), self._settings.listen.http, self._tls)
            opened.callback(http.stop)
            http.start()
            self.http_address = http.address
            self._closers = opened.pop_all()
        _log.info("the registry answers", http=self.http_address, grpc=self.grpc_address)

    def stop(self) -> None:
        """Let open requests end, end the watchers, close the database. May be called twice."""
        self._closers.close()

    def _check_peppers(self) -> None:
        with self._database.read() as connection:
            check_peppers(connection, {pepper.id for pepper in self._settings.keys.peppers}, times.now())

    def _tell_of_missing_owner(self) -> None:
        if not self._authenticator.lets_somebody_in():
            _log.warning("nobody has an admin token: run `extauth registry init`")

    def _app(self) -> ASGIApp:
        routes = (
            HealthRoutes(self._health, self.registry),  # before the keys, which take any path below theirs
            KeyRoutes(self.registry),
            ImportRoutes(self._imports),
            ExportRoutes(self.registry),
            TenantRoutes(self.tenants),
            PlanRoutes(self.plans),
            TokenRoutes(self.tokens),
            UsageRoutes(self.ledger),
            LeakRoutes(self._leaks, signatures_of(self._settings.leak_reports.github)),
            AdminTokenRoutes(self._admin_tokens),
            AuditRoutes(AuditTrail(self._database)),
        )
        routers = [one.router() for one in routes]
        door = Door(self._authenticator, self._failures, self._answers, self._settings.trusted_proxies)
        api = create_app(routers, self._database, door, self._metrics, self.components)
        return SecurityHeaders(Front(api, self._console()))

    def _console(self) -> ASGIApp:
        parts = Parts(
            sessions=self._sessions,
            failures=self._failures,
            metrics=self._metrics,
            database=self._database,
            registry=self.registry,
            tenants=self.tenants,
            plans=self.plans,
            ledger=self.ledger,
            health=self._health,
            answers=self._answers,
            components=self.components,
            trusted_proxies=self._settings.trusted_proxies,
            oidc=self._oidc,
        )
        return create_console(parts)

    def _start_grpc(self, opened: ExitStack) -> None:
        address = self._settings.listen.grpc
        if address is None:
            return
        entry = GrpcGuard(self._authenticator, self._failures)
        watch = WatchKeys(self.history, entry, self._settings.publish.poll_interval, self._metrics)
        server = GrpcServer(watch, KeyCalls(self.registry, entry), address, self._tls)
        opened.callback(server.stop)
        server.start()
        self.grpc_address = server.address
