"""What a demo shows: a policy, keys, and things to try. The machinery around it is the same for all."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from extauth.demo.trial import Call, Trial

DAY = 86400.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class DemoKey:
    """A key that is made at the start. Its text and id become the shell variables NAME and NAME_ID."""

    variable: str
    name: str
    tenant: str
    scopes: tuple[str, ...]
    plan: str = ""
    expires_in: float | None = None
    """Seconds; negative for a key that has expired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoToken:
    """A JWT that is signed at the start. Its text and `jti` become the shell variables NAME and NAME_ID."""

    variable: str
    claims: Mapping[str, Any]
    """All but `iss`, `aud`, `jti` and the times."""
    lifetime: float = DAY
    """Seconds; negative for a token that has expired."""
    scheme: str = ""
    """What stands before it in its header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One of the keys or tokens has the variable KEY; with it, `path` gives 200."""

    key_prefix: str
    key_header: str
    tenant: str
    keys: tuple[DemoKey, ...] = ()
    tokens: tuple[DemoToken, ...] = ()
    trials: tuple[Trial, ...]
    """In an order in which each of them works. They may use all variables of the `env` file."""
    calls: tuple[Call, ...] = ()
    """Come before the trials; the demo makes them all itself before it says that it is ready."""
    apis: tuple[Mapping[str, Any], ...] = ()
    """The `apis` of extauth.yaml, unless there is a preset."""
    preset: str = ""
    """Name of the preset whose file is the sidecar's."""
    key_scheme: str = ""
    """What stands before a key in its header."""
    host: str = ""
    """A host that the policy is for; Envoy's address when any will do."""
    path: str = "/"
