"""The console of one registry, put together."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.types import ASGIApp

from extauth.registry.audit_listing import AuditTrail
from extauth.registry.console.app import Console
from extauth.registry.console.audit_page import AuditPage
from extauth.registry.console.issue_pages import IssuePages
from extauth.registry.console.key_list_page import KeyListPage
from extauth.registry.console.key_page import KeyPage
from extauth.registry.console.session import Sessions
from extauth.registry.console.sign_in_pages import SignInPages
from extauth.registry.console.usage_series import UsageSeries
from extauth.registry.database import Database
from extauth.registry.failures import FailureLimit
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.operations import KeyRegistry
from extauth.registry.origin import Network


@dataclass(frozen=True, slots=True)
class Parts:
    """What the pages are about, and who may see them."""

    sessions: Sessions
    failures: FailureLimit
    metrics: RegistryMetrics
    database: Database
    registry: KeyRegistry
    trusted_proxies: Sequence[Network] = ()


def create_console(parts: Parts) -> ASGIApp:
    usage = UsageSeries(parts.database, parts.registry.clock)
    trail = AuditTrail(parts.database)
    themes = (
        SignInPages(parts.sessions, parts.failures, parts.metrics),
        KeyListPage(parts.registry, usage),
        IssuePages(parts.registry),  # before the pages of one key, whose paths would take its own
        KeyPage(parts.registry, usage, trail),
        AuditPage(trail),
    )
    pages = [page for theme in themes for page in theme.pages()]
    return Console(pages, parts.sessions, parts.trusted_proxies).app()
