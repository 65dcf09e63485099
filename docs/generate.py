"""Write the reference pages from the code: settings, commands, metrics, and the JSON Schema for editors.

usage: generate.py ROOT    (`make docs` passes the project's folder; a test compares what is committed with this)
"""

import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from prometheus_client import CollectorRegistry

from extauth.cli.config import schema_of
from extauth.cli.exit_codes import MEANINGS, ExitCode
from extauth.cli.main import main
from extauth.envoy.lint.lint import RULES
from extauth.policy.reasons import OUTCOMES, Reason
from extauth.policy.settings import SidecarSettings
from extauth.registry.identity import Role
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.roles import PERMISSIONS
from extauth.registry.settings import RegistrySettings
from extauth.settings.model import Settings
from extauth.telemetry.bearer_metrics import BearerMetrics
from extauth.telemetry.ledger_metrics import LedgerMetrics
from extauth.telemetry.many_processes import COMBINED, Combine, farthest
from extauth.telemetry.publisher_metrics import PublisherMetrics
from extauth.telemetry.sidecar_metrics import SidecarMetrics
from extauth.telemetry.supervisor_metrics import SupervisorMetrics
from extauth.telemetry.tls_metrics import TlsMetrics
from extauth.telemetry.usage_metrics import CollectorMetrics, UsageMetrics

FILES: dict[str, type[Settings]] = {
    "extauth.yaml, the sidecar": SidecarSettings,
    "registry.yaml, the registry": RegistrySettings,
}
_COMBINED: dict[Combine, str] = {
    sum: "the sum",
    max: "the largest",
    min: "the smallest",
    farthest: "the one farthest from 0",
}
# What the chart decides by itself, or has values of its own for.
_SIDECAR_OF_THE_CHART = frozenset({"listen", "http", "redis", "keys", "apis", "errors"})
_REGISTRY_OF_THE_CHART = frozenset({"listen", "redis", "keys", "database", "database_password", "admin_token"})
_REDIS_OF_THE_CHART = frozenset({"url", "username", "password", "tls_ca_file"})
GENERATED = "<!-- made by `make docs` -->\n"


def settings_page() -> str:
    """Every field of both settings files."""
    parts = [GENERATED, "# Settings\n"]
    for title, model in (
        ("extauth.yaml, the sidecar", SidecarSettings),
        ("registry.yaml, the registry", RegistrySettings),
    ):
        parts += [f"\n## {title}\n", "\n| field | default | meaning |\n|---|---|---|\n"]
        parts += [f"| `{path}` | {default} | {meaning} |\n" for path, default, meaning in fields_of(model)]
    parts.append(
        "\nDurations are written `50ms`, `5s`, `10m`, `12h`, `30d`; rates `10/s`, `1000/min`, `5000/12h`; addresses "
        "`host:port` or `unix:/path`. Unknown fields are refused. `extauth config schema` prints the JSON Schema.\n"
    )
    return "".join(parts)


def fields_of(model: type[Settings], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Path, default and meaning of each field, inner ones after the one that holds them."""
    schema = model.model_json_schema(mode="serialization")
    yield from _fields(schema, schema.get("$defs", {}), prefix)


def _fields(schema: dict[str, Any], definitions: dict[str, Any], prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, field in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        inner = _inner(field, definitions)
        meaning = field.get("description") or (inner or {}).get("description", "")
        default = _default(name, field, schema, has_fields=inner is not None and "properties" in inner)
        yield path, default, " ".join(meaning.split()).replace("|", "\\|")
        if inner is not None:
            yield from _fields(inner, definitions, f"{path}[]." if field.get("type") == "array" else f"{path}.")


def _inner(field: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any] | None:
    """The object that a field holds, directly, as items or as an alternative."""
    for candidate in (field, field.get("items", {}), *field.get("anyOf", ()), *field.get("allOf", ())):
        if "$ref" in candidate:
            found: dict[str, Any] = definitions[candidate["$ref"].rpartition("/")[2]]
            return found
    return None


def _default(name: str, field: dict[str, Any], schema: dict[str, Any], *, has_fields: bool) -> str:
    if name in schema.get("required", ()):
        return "required"
    if has_fields or field.get("default") in (None, [], {}):
        return ""
    value = field["default"]
    return f"`{', '.join(map(str, value)) if isinstance(value, list) else value}`"


def commands_page() -> str:
    """Every command with its help text."""
    contexts = walk(top_context())
    sections = [f"\n## {context.command_path}\n\n```\n{_plain(context.get_help())}\n```\n" for context in contexts]
    return "".join([GENERATED, "# Commands\n", *_exit_codes(), *sections])


def _exit_codes() -> Iterator[str]:
    yield "\n| exit code | meaning |\n|---|---|\n"
    yield from (f"| {code} | {MEANINGS[code]} |\n" for code in ExitCode)


def top_context() -> click.Context:
    """The context of `extauth` itself, as a terminal of 80 columns has it."""
    return click.Context(main, info_name="extauth", terminal_width=80)


def walk(context: click.Context) -> Iterator[click.Context]:
    """The command of a context and all below it, each in a context of its own."""
    yield context
    command = context.command
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from walk(click.Context(found, info_name=name, parent=context))


def _plain(text: str) -> str:
    return re.sub(r"[ \t]+$", "", inspect.cleandoc(text), flags=re.MULTILINE)


def metrics_page() -> str:
    """Every series, and the reasons that label checks."""
    parts = [GENERATED, "# Metrics\n"]
    for title, make in (
        ("Sidecar", SidecarMetrics),
        ("Sidecar, bearer tokens", BearerMetrics),
        ("Sidecar, usage", UsageMetrics),
        ("Sidecar with several workers", SupervisorMetrics),
        ("Sidecar and registry, where they speak TLS", TlsMetrics),
        ("Publisher", PublisherMetrics),
        ("Registry, usage on its way", CollectorMetrics),
        ("Registry, usage in the ledger", LedgerMetrics),
        ("Registry", RegistryMetrics),
    ):
        registry = CollectorRegistry()
        make(registry)
        parts += [f"\n## {title}\n", "\n| series | type | labels | meaning |\n|---|---|---|---|\n"]
        for collector in registry._collector_to_names:
            metric = next(iter(collector.collect()))
            suffix = "_total" if metric.type == "counter" else ""
            labels = ", ".join(f"`{label}`" for label in getattr(collector, "_labelnames", ()))
            parts.append(f"| `{metric.name}{suffix}` | {metric.type} | {labels} | {metric.documentation} |\n")
    parts += ["\n## Gauges of several workers\n", "\nWhat one page shows; others have a label `worker`.\n"]
    parts += ["\n| gauge | value |\n|---|---|\n"]
    parts += [f"| `{name}` | {_COMBINED[combine]} |\n" for name, combine in COMBINED.items() if "extauth" in name]
    parts += ["\n## Reasons\n", "\nThe label `reason` of `extauth_checks_total`, and what a caller gets.\n"]
    parts += ["\n| reason | HTTP | gRPC | message |\n|---|---|---|---|\n"]
    parts += [
        f"| `{reason}` | {OUTCOMES[reason].http_status} | {OUTCOMES[reason].grpc_code} | {OUTCOMES[reason].message} |\n"
        for reason in Reason
        if reason is not Reason.OK
    ]
    return "".join(parts)


def lint_page() -> str:
    """Every rule of `extauth envoy lint`."""
    parts = [GENERATED, "# What `extauth envoy lint` looks for\n"]
    parts.append("\nEnvoy accepts each of these. Field names are those of Envoy's messages, in either spelling.\n")
    parts.append("\n| rule | severity | why it matters | instead |\n|---|---|---|---|\n")
    parts += [f"| `{rule.name}` | {rule.severity.value} | {rule.reason} | {rule.remedy} |\n" for rule in RULES]
    return "".join(parts)


def permissions_page() -> str:
    """Every operation of the registry, and who may do it."""
    parts = [GENERATED, "# Permissions\n", "\nWho may do what in the registry; [access](access.md) explains it.\n"]
    parts.append("\n| operation | roles | tokens of one tenant |\n|---|---|---|\n")
    for (method, path), permission in PERMISSIONS.items():
        roles = ", ".join(role.value for role in Role if role in permission.roles) or "no token needed"
        of_tenants = "yes" if permission.of_tenants else "no"
        parts.append(f"| `{method} {path}` | {roles} | {of_tenants} |\n")
    return "".join(parts)


def schema_file() -> str:
    """The JSON Schema of extauth.yaml."""
    return json.dumps(schema_of(SidecarSettings), indent=2) + "\n"


def chart_schema_file() -> str:
    """The JSON Schema of the chart's values: the same file, in which what the settings say is told anew."""
    path = Path(__file__).parents[1] / "deploy" / "chart" / "values.schema.json"
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    values = schema["properties"]
    sidecar = _embedded(schema, "extauth.yaml", SidecarSettings)
    registry = _embedded(schema, "registry.yaml", RegistrySettings)
    transport = {"transport": {"$ref": "#/$defs/extauth.yaml/$defs/ListenSettings/properties/transport"}}
    redis = _properties(sidecar["$defs"]["RedisSettings"], "extauth.yaml/$defs/RedisSettings", _REDIS_OF_THE_CHART)
    values["apis"] = {**sidecar["properties"]["apis"], "minItems": 0}  # what is missing is told in words of the chart
    values["errors"] = {"$ref": "#/$defs/extauth.yaml/properties/errors"}
    values["redis"]["properties"]["settings"] = _closed(redis)
    in_sidecar, in_registry = values["sidecar"]["properties"], values["registry"]["properties"]
    in_sidecar["keyPrefixes"] = {"$ref": "#/$defs/extauth.yaml/$defs/KeySettings/properties/prefixes"}
    in_sidecar["settings"] = _closed({**_properties(sidecar, "extauth.yaml", _SIDECAR_OF_THE_CHART), **transport})
    in_registry["keyPrefix"] = {"$ref": "#/$defs/registry.yaml/$defs/KeySettings/properties/prefix"}
    in_registry["settings"] = _closed(_properties(registry, "registry.yaml", _REGISTRY_OF_THE_CHART))
    return json.dumps(schema, indent=2) + "\n"


def _embedded(schema: dict[str, Any], name: str, model: type[Settings]) -> dict[str, Any]:
    """The schema of a settings file, as a definition of another schema."""
    text = json.dumps(model.model_json_schema(mode="serialization"))
    schema["$defs"][name] = json.loads(text.replace('"#/$defs/', f'"#/$defs/{name}/$defs/'))
    embedded: dict[str, Any] = schema["$defs"][name]
    return embedded


def _properties(definition: dict[str, Any], place: str, without: frozenset[str]) -> dict[str, Any]:
    names = [name for name in definition["properties"] if name not in without]
    return {name: {"$ref": f"#/$defs/{place}/properties/{name}"} for name in names}


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


PAGES = {
    "docs/settings.md": settings_page,
    "docs/commands.md": commands_page,
    "docs/metrics.md": metrics_page,
    "docs/permissions.md": permissions_page,
    "docs/envoy-lint.md": lint_page,
    "deploy/extauth.schema.json": schema_file,
    "deploy/chart/values.schema.json": chart_schema_file,
}


if __name__ == "__main__":
    for name, make in PAGES.items():
        (Path(sys.argv[1]) / name).write_text(make(), encoding="utf-8")
