"""Rules for routes: where the check is off, and what takes its answer away again."""

from collections.abc import Iterator

from extauth.envoy.lint.node import Node
from extauth.envoy.lint.rule import Rule, Severity, Surroundings, when

PER_ROUTE = "envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute"


def _takes_identity_away(level: Node, around: Surroundings) -> Iterator[Node]:
    removed = level.get("request_headers_to_remove")
    names = {item.text.lower() for item in removed.items()}
    yield from when(bool(names.intersection(around.identity_headers)), removed)


PER_ROUTE_RULES = (
    Rule(
        "unchecked-route",
        Severity.NOTE,
        "requests to this route are not checked",
        "remove `disabled` unless the route is public",
        lambda route, _: when(route.get("disabled").is_true, route.get("disabled")),
    ),
)

LEVEL_RULES = (
    Rule(
        "identity-removed",
        Severity.ERROR,
        "it acts after the check: what the sidecar tells the upstream is removed",
        "early_header_mutation_extensions, which act before the check: `extauth envoy config`",
        _takes_identity_away,
    ),
)
"""For route configurations, virtual hosts and routes alike."""
