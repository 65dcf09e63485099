"""Applying all rules to a file: a bootstrap, a config dump, xDS resources, or a piece of any of them."""

from collections.abc import Iterator, Sequence

from extauth.envoy.lint.cluster_rules import CLUSTER_RULES
from extauth.envoy.lint.filter_rules import FILTER_RULES
from extauth.envoy.lint.manager_rules import EXT_AUTHZ, MANAGER_RULES
from extauth.envoy.lint.node import Node
from extauth.envoy.lint.route_rules import LEVEL_RULES, PER_ROUTE, PER_ROUTE_RULES
from extauth.envoy.lint.rule import Finding, Rule, Severity, Surroundings

RULES: tuple[Rule, ...] = (*MANAGER_RULES, *FILTER_RULES, *PER_ROUTE_RULES, *LEVEL_RULES, *CLUSTER_RULES)
_MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_CLUSTER = "envoy.config.cluster.v3.Cluster"
_BY_TYPE = {_MANAGER: MANAGER_RULES, EXT_AUTHZ: FILTER_RULES, PER_ROUTE: PER_ROUTE_RULES}
_ORDER = list(Severity)

NOTHING_FOUND = "no HTTP connection manager and no ext_authz filter is in it: is it an Envoy configuration?"


class NotEnvoyError(ValueError):
    """The file holds nothing that the rules are about."""


def lint(
    data: object,
    *,
    identity_headers: Sequence[str] = (),
    check_headers: Sequence[str] = (),
    check_timeout: float | None = None,
) -> list[Finding]:
    """All findings, the worst first; raises NotEnvoyError. The rest is known from the sidecar's settings."""
    nodes = list(Node(data, ()).walk())
    if not any(node.type in {_MANAGER, EXT_AUTHZ} for node in nodes):
        raise NotEnvoyError(NOTHING_FOUND)
    clusters = {node.get("name").text: node for node in _clusters(nodes)}
    asked = {node.get("grpc_service", "envoy_grpc", "cluster_name").text for node in nodes if node.type == EXT_AUTHZ}
    around = Surroundings(clusters, tuple(identity_headers), tuple(check_headers), check_timeout)
    places = [(node, _rules_for(node)) for node in nodes]
    places += [(cluster, CLUSTER_RULES) for name, cluster in clusters.items() if name in asked]
    findings = [Finding(rule, at) for node, rules in places for rule in rules for at in rule.find(node, around)]
    return sorted(findings, key=lambda finding: _ORDER.index(finding.rule.severity))


def _clusters(nodes: Sequence[Node]) -> Iterator[Node]:
    for node in nodes:
        if node.type == _CLUSTER or (len(node.path) > 1 and node.path[-2] == "clusters" and not node.type):
            # A config dump wraps each cluster once more.
            yield node.get("cluster") or node


def _rules_for(node: Node) -> Sequence[Rule]:
    return LEVEL_RULES if node.get("request_headers_to_remove") else _BY_TYPE.get(node.type, ())
