"""The `env` file: the demo's addresses and keys as shell variables."""

import shlex
from collections.abc import Mapping, Sequence

from extauth.demo import binaries
from extauth.demo.keys import MadeKey
from extauth.demo.layout import Layout
from extauth.demo.private_file import write_private
from extauth.demo.scenario import Scenario
from extauth.keys.token import generate


def variables(layout: Layout, scenario: Scenario, keys: Sequence[MadeKey]) -> dict[str, str]:
    """All of them but PATH."""
    return {
        "ENVOY_URL": layout.envoy_url,
        "REGISTRY_URL": layout.registry_url,
        "REGISTRY_TOKEN": layout.admin_token.read_text(encoding="utf-8").strip(),
        "METRICS_URL": f"{layout.sidecar_admin_url}/metrics",
        "REDIS_URL": layout.redis_url,
        "TENANT": scenario.tenant,
        "KEY_HEADER": scenario.key_header,
        **{key.variable: key.secret for key in keys},
        **{f"{key.variable}_ID": key.id for key in keys},
        "UNKNOWN_KEY": str(generate(scenario.key_prefix)),
    }


def write_environment(layout: Layout, values: Mapping[str, str]) -> None:
    """Only its owner may read it: it holds keys and the admin token."""
    lines = [f"export {name}={_quoted(value)}" for name, value in values.items()]
    lines.append(f'export PATH={_quoted(str(binaries.scripts_directory()))}:"$PATH"')
    write_private(layout.environment, "\n".join(lines) + "\n")


def _quoted(text: str) -> str:
    quoted = shlex.quote(text)
    return quoted if quoted.startswith("'") else f"'{quoted}'"
