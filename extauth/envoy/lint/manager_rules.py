"""Rules for the HTTP connection manager: what a request means, and what a client may set in it."""

from collections.abc import Iterator

from extauth.envoy.lint.node import Node
from extauth.envoy.lint.rule import Rule, Severity, Surroundings, when
from extauth.envoy.parameters import FAILURE_MODE_HEADER

_ERROR, _WARNING, _NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE
EXT_AUTHZ = "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz"
_ROUTER = "envoy.extensions.filters.http.router.v3.Router"
_MUTATION = "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"
_SAFE_SLASHES = {"REJECT_REQUEST", "UNESCAPE_AND_REDIRECT"}
_SAFE_UNDERSCORES = {"REJECT_REQUEST", "DROP_HEADER"}


def _filters(manager: Node) -> list[Node]:
    return list(manager.get("http_filters").items())


def _unchecked(manager: Node, around: Surroundings) -> Iterator[Node]:
    """A manager without the filter, in a file where another one has it, or that has none at all."""
    del around
    yield from when(
        not any(part.get("typed_config").type == EXT_AUTHZ for part in _filters(manager)), manager.get("http_filters")
    )


def _behind_the_router(manager: Node, _around: Surroundings) -> Iterator[Node]:
    types = [part.get("typed_config").type for part in _filters(manager)]
    if EXT_AUTHZ in types and _ROUTER in types:
        place = types.index(EXT_AUTHZ)
        yield from when(place > types.index(_ROUTER), _filters(manager)[place])


def _disabled(manager: Node, _around: Surroundings) -> Iterator[Node]:
    for part in _filters(manager):
        if part.get("typed_config").type == EXT_AUTHZ:
            yield from when(part.get("disabled").is_true, part.get("disabled"))


def removed_early(manager: Node) -> tuple[set[str], list[str]]:
    """Names and prefixes of the headers that are removed before anything else happens to a request."""
    names: set[str] = set()
    prefixes: list[str] = []
    for extension in manager.get("early_header_mutation_extensions").items():
        config = extension.get("typed_config")
        for mutation in config.get("mutations").items() if config.type == _MUTATION else ():
            names.add(mutation.get("remove").text.lower())
            prefix = mutation.get("remove_on_match", "key_matcher", "prefix").text
            prefixes += [prefix.lower()] if prefix else []
    return names, prefixes


def _spoofable(manager: Node, around: Surroundings) -> Iterator[Node]:
    names, prefixes = removed_early(manager)
    wanted = (*around.identity_headers, FAILURE_MODE_HEADER)
    missing = [name for name in wanted if name not in names and not name.startswith(tuple(prefixes))]
    yield from when(bool(missing), manager.get("early_header_mutation_extensions"))


def _slashes(manager: Node, _around: Surroundings) -> Iterator[Node]:
    action = manager.get("path_with_escaped_slashes_action")
    yield from when(action.text not in _SAFE_SLASHES, action)


def _underscores(manager: Node, _around: Surroundings) -> Iterator[Node]:
    action = manager.get("common_http_protocol_options", "headers_with_underscores_action")
    yield from when(action.text not in _SAFE_UNDERSCORES, action)


MANAGER_RULES = (
    Rule(
        "no-check",
        _ERROR,
        "requests to this listener are never checked",
        "put the ext_authz filter before the router: `extauth envoy config --part filter`",
        _unchecked,
    ),
    Rule(
        "behind-the-router", _ERROR, "the router ends the chain: the check never runs", "move it up", _behind_the_router
    ),
    Rule("filter-disabled", _ERROR, "the filter is there but off", "remove `disabled`", _disabled),
    Rule(
        "spoofable-headers",
        _ERROR,
        "a client can send the headers that tell the upstream who calls, where no check replaces them",
        "early_header_mutation_extensions that remove them: `extauth envoy config`",
        _spoofable,
    ),
    Rule(
        "paths-not-normalised",
        _WARNING,
        "`/a/../b` is checked as it was sent and may mean another path upstream",
        "normalize_path: true",
        lambda manager, _: when(not manager.get("normalize_path").is_true, manager.get("normalize_path")),
    ),
    Rule(
        "slashes-not-merged",
        _WARNING,
        "`//a` is checked as it was sent and may mean `/a` upstream",
        "merge_slashes: true",
        lambda manager, _: when(not manager.get("merge_slashes").is_true, manager.get("merge_slashes")),
    ),
    Rule(
        "escaped-slashes",
        _WARNING,
        "`/a%2fb` is checked as one segment and may be two upstream",
        "path_with_escaped_slashes_action: REJECT_REQUEST",
        _slashes,
    ),
    Rule(
        "underscores",
        _WARNING,
        "many servers read `x_auth_tenant` as `x-auth-tenant`, which a client must not set",
        "common_http_protocol_options: {headers_with_underscores_action: REJECT_REQUEST}",
        _underscores,
    ),
    Rule(
        "client-address",
        _WARNING,
        "clients choose the address and x-envoy-* headers that they are known by",
        "use_remote_address: true, with xff_num_trusted_hops for the proxies in front",
        lambda manager, _: when(not manager.get("use_remote_address").is_true, manager.get("use_remote_address")),
    ),
    Rule(
        "slow-headers",
        _NOTE,
        "a client may send its headers as slowly as it likes and hold a connection",
        "request_headers_timeout: 10s",
        lambda manager, _: when(not manager.get("request_headers_timeout"), manager.get("request_headers_timeout")),
    ),
)
