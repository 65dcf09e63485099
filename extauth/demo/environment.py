"""The `env` file: the demo's addresses and keys as shell variables."""

import shlex
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from extauth.demo import binaries
from extauth.demo.credentials import MadeCredential
from extauth.demo.layout import Layout
from extauth.demo.private_file import write_private
from extauth.demo.scenario import Scenario
from extauth.demo.token_issuer import token_issuer
from extauth.keys.token import generate


def variables(layout: Layout, scenario: Scenario, made: Sequence[MadeCredential]) -> dict[str, str]:
    """All of them but PATH."""
    issuer = token_issuer(layout)
    unknown = generate(scenario.key_prefix)
    return {
        "ENVOY_URL": layout.envoy_url,
        "REGISTRY_URL": layout.registry_url,
        "CONSOLE_URL": f"{layout.registry_url}/console",
        "REGISTRY_TOKEN": layout.admin_token.read_text(encoding="utf-8").strip(),
        "METRICS_URL": f"{layout.sidecar_admin_url}/metrics",
        "REDIS_URL": layout.redis_url,
        **({"ISSUER_URL": layout.issuer_url} if issuer is not None and issuer.publishes_keys else {}),
        "TENANT": scenario.tenant,
        "HOST": scenario.host or urlsplit(layout.envoy_url).netloc,
        "KEY_HEADER": scenario.key_header,
        "KEY_PATH": scenario.path,
        **{name: value for credential in made for name, value in credential.variables.items()},
        **MadeCredential("UNKNOWN_KEY", unknown.key_id, str(unknown), scenario.key_scheme).variables,
    }


def write_environment(layout: Layout, values: Mapping[str, str]) -> None:
    """Only its owner may read it: it holds keys and the admin token."""
    lines = [f"export {name}={_quoted(value)}" for name, value in values.items()]
    lines.append(f'export PATH={_quoted(str(binaries.scripts_directory()))}:"$PATH"')
    write_private(layout.environment, "\n".join(lines) + "\n")


def _quoted(text: str) -> str:
    quoted = shlex.quote(text)
    return quoted if quoted.startswith("'") else f"'{quoted}'"
