"""All servers of a demo, together."""

from collections.abc import Callable

from extauth.demo import services
from extauth.demo.child import Service
from extauth.demo.layout import Layout
from extauth.demo.supervisor import Supervisor
from extauth.demo.token_issuer import token_issuer


def start_stack(layout: Layout, supervisor: Supervisor, report: Callable[[Service], None]) -> None:
    """Start all and wait until all are ready; `report` hears of each that is. Raises DemoError.

    Redis is waited for first, which takes no time, and so is an issuer of tokens: a sidecar that does not find its keys
    looks again only after a second. The others start beside each other, because Python and Envoy
    each take a second.
    """
    issuer = token_issuer(layout)
    first = (services.redis(layout), *([services.issuer(layout)] if issuer and issuer.publishes_keys else []))
    others = (
        services.upstream(layout),
        services.registry(layout),
        services.sidecar(layout, issuer.environment if issuer else None),
        services.demo_envoy(layout),
    )
    for services_at_a_time in (first, others):
        for service in services_at_a_time:
            supervisor.start(service)
        for service in services_at_a_time:
            supervisor.wait_until_ready(service)
            report(service)
