"""All servers of a demo, together."""

from collections.abc import Callable

from extauth.demo import services
from extauth.demo.child import Service
from extauth.demo.layout import Layout
from extauth.demo.supervisor import Supervisor


def start_stack(layout: Layout, supervisor: Supervisor, report: Callable[[Service], None]) -> None:
    """Start all and wait until all are ready; `report` hears of each that is. Raises DemoError.

    Redis is waited for first, which takes no time. The others start beside each other, because Python and Envoy
    each take a second.
    """
    redis = services.redis(layout)
    supervisor.start(redis)
    supervisor.wait_until_ready(redis)
    report(redis)
    others = (
        services.upstream(layout),
        services.registry(layout),
        services.sidecar(layout),
        services.demo_envoy(layout),
    )
    for service in others:
        supervisor.start(service)
    for service in others:
        supervisor.wait_until_ready(service)
        report(service)
