"""Rules for the ext_authz filter."""

from collections.abc import Callable, Iterator

from extauth.envoy.lint.node import Node
from extauth.envoy.lint.rule import Rule, Severity, Surroundings, when

_ERROR, _WARNING, _NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE
_DEFAULT_TIMEOUT = 0.2  # seconds, when the filter names none
_LONG = 2.0
_SLOW_RETRY = 0.1  # seconds; the default is 1
_FINAL = range(200, 600)
_STATUS_NAMES = {"Continue": 100, "SwitchingProtocols": 101}
_GRPC = ("grpc_service", "envoy_grpc")
_TESTS: dict[str, Callable[[str, str], bool]] = {
    "exact": lambda name, text: name == text,
    "prefix": lambda name, text: name.startswith(text),
    "suffix": lambda name, text: name.endswith(text),
    "contains": lambda name, text: text in name,
}


def _timeout(check: Node) -> Node:
    return check.get("grpc_service", "timeout")


def _unbounded(check: Node, _around: Surroundings) -> Iterator[Node]:
    yield from when(_timeout(check).seconds == 0, _timeout(check))


def _too_long(check: Node, _around: Surroundings) -> Iterator[Node]:
    yield from when((_timeout(check).seconds or 0) > _LONG, _timeout(check))


def _shorter_than_the_sidecars(check: Node, around: Surroundings) -> Iterator[Node]:
    seconds = _timeout(check).seconds
    if seconds is None and not _timeout(check):
        seconds = _DEFAULT_TIMEOUT
    if seconds and around.check_timeout is not None:
        yield from when(seconds <= around.check_timeout, _timeout(check))


def _not_sent(check: Node, around: Surroundings) -> Iterator[Node]:
    """Headers that the sidecar needs and the filter keeps back."""
    allowed = check.get("allowed_headers", "patterns")
    if allowed and any(
        not any(_matches(pattern, name) for pattern in allowed.items()) for name in around.check_headers
    ):
        yield allowed
    refused = check.get("disallowed_headers", "patterns")
    if refused and any(any(_matches(pattern, name) for pattern in refused.items()) for name in around.check_headers):
        yield refused


def _matches(pattern: Node, name: str) -> bool:
    """StringMatcher, but for regular expressions, which are taken to match."""
    ignore_case = pattern.get("ignore_case").is_true
    for kind, test in _TESTS.items():
        text = pattern.get(kind).text
        if text:
            return test(name, text.lower() if ignore_case else text)
    return bool(pattern.get("safe_regex"))


def _status(check: Node) -> Node:
    return check.get("status_on_error", "code")


def _code(node: Node) -> int | None:
    return _STATUS_NAMES.get(node.text) if node.text else int(node.number)


def _unfinal_status(check: Node, _around: Surroundings) -> Iterator[Node]:
    node = _status(check)
    code = _code(node) if node else None
    yield from when(code is not None and code not in _FINAL, node)


def _slow_retry(check: Node, _around: Surroundings) -> Iterator[Node]:
    retry = check.get("grpc_service", "retry_policy")
    if retry:
        interval = retry.get("retry_back_off", "base_interval")
        yield from when(interval.seconds is None or interval.seconds > _SLOW_RETRY, retry)


def _short_try(check: Node, _around: Surroundings) -> Iterator[Node]:
    longest = check.get("grpc_service", "retry_policy", "retry_back_off", "max_interval")
    timeout = _timeout(check).seconds or _DEFAULT_TIMEOUT
    yield from when(longest.seconds is not None and longest.seconds < timeout, longest)


def _unknown_cluster(check: Node, around: Surroundings) -> Iterator[Node]:
    name = check.get(*_GRPC, "cluster_name")
    yield from when(bool(around.clusters) and bool(name.text) and name.text not in around.clusters, name)


def _not_grpc(check: Node, _around: Surroundings) -> Iterator[Node]:
    yield from when(not check.get("grpc_service"), check.get("http_service") or check)


def _sampled(check: Node, _around: Surroundings) -> Iterator[Node]:
    """Only a part of the requests is checked."""
    share = check.get("filter_enabled", "default_value")
    if share:
        whole = {"": 100, "HUNDRED": 100, "TEN_THOUSAND": 10_000, "MILLION": 1_000_000}
        yield from when(share.get("numerator").number < whole.get(share.get("denominator").text, 100), share)


FILTER_RULES = (
    Rule(
        "fails-open",
        _ERROR,
        "a sidecar that is down, slow or sent a message too large lets every request pass unchecked",
        "failure_mode_allow: false",
        lambda check, _: when(check.get("failure_mode_allow").is_true, check.get("failure_mode_allow")),
    ),
    Rule(
        "not-enforced",
        _ERROR,
        "denied requests pass",
        "remove it when the trial is over",
        lambda check, _: when(check.get("shadow_mode").is_true, check.get("shadow_mode")),
    ),
    Rule("sampled", _ERROR, "the other requests pass unchecked", "remove filter_enabled", _sampled),
    Rule("not-grpc", _ERROR, "extauth answers checks over gRPC", "grpc_service with envoy_grpc", _not_grpc),
    Rule(
        "unknown-cluster",
        _ERROR,
        "no cluster has this name: every check fails",
        "define it, or name one that is defined",
        _unknown_cluster,
    ),
    Rule(
        "no-deadline",
        _ERROR,
        "0s means no deadline: a sidecar that hangs holds every request",
        "grpc_service.timeout: 0.25s",
        _unbounded,
    ),
    Rule("long-deadline", _WARNING, "requests wait this long for a sidecar that hangs", "0.25s", _too_long),
    Rule(
        "deadline-too-short",
        _WARNING,
        "Envoy gives up before the sidecar does, and its answer is lost (200 ms when no timeout is set)",
        "grpc_service.timeout: check.timeout of the sidecar plus 100 ms",
        _shorter_than_the_sidecars,
    ),
    Rule(
        "fault-looks-like-denial",
        _WARNING,
        "a fault of the sidecar is answered 403, as a denial is; clients and alerts cannot tell them apart",
        "status_on_error: {code: ServiceUnavailable}",
        lambda check, _: when(not check.get("status_on_error"), check.get("status_on_error")),
    ),
    Rule(
        "status-not-final",
        _ERROR,
        "Envoy writes it as it is, and the response is no valid HTTP",
        "status_on_error: {code: ServiceUnavailable}",
        _unfinal_status,
    ),
    Rule(
        "body-sent",
        _WARNING,
        "each request waits for its body and holds it in memory; a large one makes the check fail",
        "remove with_request_body: keys are in headers",
        lambda check, _: when(bool(check.get("with_request_body")), check.get("with_request_body")),
    ),
    Rule(
        "mutations-not-validated",
        _WARNING,
        "a value with a line break in the sidecar's answer would become a header of its own",
        "validate_mutations: true",
        lambda check, _: when(not check.get("validate_mutations").is_true, check.get("validate_mutations")),
    ),
    Rule(
        "headers-joined",
        _NOTE,
        "a header sent twice reaches the sidecar joined by a comma, and bytes outside UTF-8 as `!`",
        "encode_raw_headers: true",
        lambda check, _: when(not check.get("encode_raw_headers").is_true, check.get("encode_raw_headers")),
    ),
    Rule(
        "route-chosen-again",
        _WARNING,
        "headers that the sidecar sets can move a request to a route that it was not checked for",
        "clear_route_cache: false",
        lambda check, _: when(check.get("clear_route_cache").is_true, check.get("clear_route_cache")),
    ),
    Rule(
        "version-not-set",
        _NOTE,
        "extauth speaks v3 only; Envoy before 1.40 may take another version",
        "transport_api_version: V3",
        lambda check, _: when(check.get("transport_api_version").text != "V3", check.get("transport_api_version")),
    ),
    Rule(
        "retry-never-comes",
        _NOTE,
        "a retry waits for a second by default, which is longer than the check may take",
        "retry_back_off: {base_interval: 0.005s, max_interval: the timeout}",
        _slow_retry,
    ),
    Rule(
        "try-cut-short",
        _WARNING,
        "max_interval also bounds the time of each try: a check that takes longer fails",
        "retry_back_off.max_interval: the timeout",
        _short_try,
    ),
    Rule(
        "header-kept-back",
        _ERROR,
        "the sidecar's policy reads headers that it is not sent: every such request is refused",
        "allow what `extauth envoy config --part filter` allows",
        _not_sent,
    ),
)
