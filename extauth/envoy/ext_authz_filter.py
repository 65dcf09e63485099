"""The filter that asks the sidecar, and what a route may change about it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from envoy_data_plane.envoy.config.core.v3 import (
    ApiVersion,
    BackoffStrategy,
    GrpcService,
    GrpcServiceEnvoyGrpc,
    HeaderValue,
    RetryPolicy,
    RetryPolicyRetryHostPredicate,
)
from envoy_data_plane.envoy.extensions.filters.http.ext_authz.v3 import CheckSettings, ExtAuthz, ExtAuthzPerRoute
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.envoy.extensions.retry.host.previous_hosts.v3 import PreviousHostsPredicate
from envoy_data_plane.envoy.type.matcher.v3 import ListStringMatcher, StringMatcher
from envoy_data_plane.envoy.type.v3 import HttpStatus, StatusCode
from envoy_data_plane.google.protobuf import Any

from extauth.envoy.clusters import SIDECAR_CLUSTER
from extauth.envoy.parameters import ENVOY_VARIABLE, EnvoyParameters

FILTER_NAME = "envoy.filters.http.ext_authz"
_STAT_PREFIX = "extauth"
_RETRY_AFTER = timedelta(milliseconds=5)
_HOST_SELECTIONS = 5


def ext_authz_filter(parameters: EnvoyParameters) -> HttpFilter:
    """Fails closed: a sidecar that does not answer in time is a 503. Bodies are never sent to it."""
    return HttpFilter(
        name=FILTER_NAME,
        typed_config=Any.pack(
            ExtAuthz(
                transport_api_version=ApiVersion.V3,
                grpc_service=_sidecar(parameters),
                failure_mode_allow=False,
                status_on_error=HttpStatus(code=StatusCode.ServiceUnavailable),
                validate_mutations=True,  # refuses header injection by way of the sidecar
                encode_raw_headers=parameters.encode_raw_headers,
                allowed_headers=_named(parameters.check_headers),
                clear_route_cache=False,
                stat_prefix=_STAT_PREFIX,
                emit_filter_state_stats=True,  # how long a check took, for access logs
            )
        ),
    )


def unchecked_route() -> Any:
    """Per-route configuration: no check here."""
    return Any.pack(ExtAuthzPerRoute(disabled=True))


def route_context(context: Mapping[str, str]) -> Any:
    """Per-route configuration: `context_extensions` for the sidecar."""
    return Any.pack(ExtAuthzPerRoute(check_settings=CheckSettings(context_extensions=dict(context))))


def _sidecar(parameters: EnvoyParameters) -> GrpcService:
    timeout = timedelta(seconds=parameters.check_timeout)
    return GrpcService(
        envoy_grpc=GrpcServiceEnvoyGrpc(cluster_name=SIDECAR_CLUSTER, authority=SIDECAR_CLUSTER),
        timeout=timeout,
        initial_metadata=_secret(parameters.secret_header),
        retry_policy=RetryPolicy(
            num_retries=1,
            # `cancelled` is what a worker that stops says of checks that it no longer takes.
            retry_on="connect-failure,reset,unavailable,cancelled",
            # By default a retry waits for a second, which no check has. `max_interval` also bounds the time of each try
            # (envoyproxy/envoy#38847): a small one would cut off every check that takes longer.
            retry_back_off=BackoffStrategy(base_interval=_RETRY_AFTER, max_interval=timeout),
            retry_host_predicate=[_another_worker()] if len(parameters.sidecars) > 1 else [],
            host_selection_retry_max_attempts=_HOST_SELECTIONS if len(parameters.sidecars) > 1 else 0,
        ),
    )


def _secret(header: str | None) -> list[HeaderValue]:
    """From the environment: a secret in a configuration would stand in dumps of it."""
    return [] if header is None else [HeaderValue(key=header, value=f"%ENVIRONMENT({ENVOY_VARIABLE})%")]


def _another_worker() -> RetryPolicyRetryHostPredicate:
    """A retry goes elsewhere: the worker that did not answer may be on its way back."""
    return RetryPolicyRetryHostPredicate(
        name="envoy.retry_host_predicates.previous_hosts", typed_config=Any.pack(PreviousHostsPredicate())
    )


def _named(headers: Sequence[str]) -> ListStringMatcher | None:
    if not headers:
        return None
    return ListStringMatcher(patterns=[StringMatcher(exact=name) for name in headers])
