"""The console of one registry, put together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from starlette.types import ASGIApp

from extauth.registry.audit_listing import AuditTrail
from extauth.registry.console.app import Console
from extauth.registry.console.audit_page import AuditPage
from extauth.registry.console.health_page import HealthPage
from extauth.registry.console.issue_pages import IssuePages
from extauth.registry.console.key_edit_page import KeyEditPage
from extauth.registry.console.key_list_page import KeyListPage
from extauth.registry.console.key_page import KeyPage
from extauth.registry.console.oidc_pages import OidcPages
from extauth.registry.console.oidc_people import OidcPeople
from extauth.registry.console.oidc_provider import OidcProvider
from extauth.registry.console.plan_pages import PlanPages
from extauth.registry.console.publishing import publishing_now
from extauth.registry.console.session import Sessions
from extauth.registry.console.sidecars import Sidecars
from extauth.registry.console.sign_in_form import Door, SignInForm
from extauth.registry.console.sign_in_pages import SignInPages
from extauth.registry.console.tenant_list_page import TenantListPage
from extauth.registry.console.tenant_pages import TenantPages
from extauth.registry.console.usage_overview import UsageOverview
from extauth.registry.console.usage_page import UsagePage
from extauth.registry.console.usage_series import UsageSeries
from extauth.registry.database import Database
from extauth.registry.failures import FailureLimit
from extauth.registry.idempotency import IdempotentAnswers
from extauth.registry.key_health import KeyHealth
from extauth.registry.ledger import Ledger
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.operations import KeyRegistry
from extauth.registry.origin import Network
from extauth.registry.plans import PlanRegistry
from extauth.registry.tenants import TenantRegistry


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the pages are about, and who may see them."""

    sessions: Sessions
    failures: FailureLimit
    metrics: RegistryMetrics
    database: Database
    registry: KeyRegistry
    tenants: TenantRegistry
    plans: PlanRegistry
    ledger: Ledger
    health: KeyHealth
    answers: IdempotentAnswers
    components: Mapping[str, Callable[[], str | None]] = field(default_factory=dict)
    """What is wrong with what works beside the registry, as GET /readyz tells it."""
    trusted_proxies: Sequence[Network] = ()
    oidc: tuple[OidcProvider, OidcPeople] | None = None
    """Who else says who somebody is, and what is granted to them."""


def create_console(parts: Parts) -> ASGIApp:
    clock = parts.registry.clock
    usage = UsageSeries(parts.database, clock)
    trail = AuditTrail(parts.database)
    publishing = partial(publishing_now, parts.metrics.registry, parts.components)
    form = SignInForm(with_provider=parts.oidc is not None)
    door = Door(parts.sessions, parts.failures, parts.metrics, form)
    themes = (
        *([OidcPages(*parts.oidc, door)] if parts.oidc else ()),
        SignInPages(door),
        KeyListPage(parts.registry, usage),
        IssuePages(parts.registry, parts.tenants, parts.plans, parts.answers),  # before those of one key, of any id
        KeyEditPage(parts.registry, parts.plans),
        KeyPage(parts.registry, parts.tenants, usage, trail),
        UsagePage(UsageOverview(parts.database, clock), parts.ledger),
        TenantListPage(parts.tenants),
        TenantPages(parts.tenants, parts.plans),
        PlanPages(parts.plans),
        HealthPage(parts.health, publishing, Sidecars(parts.database), usage),
        AuditPage(trail),
    )
    pages = [page for theme in themes for page in theme.pages()]
    return Console(pages, parts.sessions, parts.trusted_proxies).app()
