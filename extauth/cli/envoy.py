"""`extauth envoy`: Envoy's configuration, made from the sidecar's settings, and what weakens a given one."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import click
import yaml

from extauth.cli.envoy_findings import exit_code, report
from extauth.cli.envoy_tls import tls_of
from extauth.cli.settings_file import config_option, load_or_exit
from extauth.envoy.bootstrap import PARTS, Part, part_of
from extauth.envoy.from_policy import check_headers, envoy_for, identity_headers
from extauth.envoy.lint.lint import NotEnvoyError, lint
from extauth.envoy.lint.rule import Severity
from extauth.envoy.parameters import RouteParameters
from extauth.policy.settings import SidecarSettings
from extauth.settings.problems import SettingsError
from extauth.settings.source import Source
from extauth.settings.values import parse_address

_NO_UPSTREAM = "127.0.0.1:1"  # stands in no part but the whole


@click.group()
def envoy() -> None:
    """Write Envoy's configuration, and check a given one."""


def _address(_context: click.Context, _parameter: click.Parameter, value: Any) -> Any:  # noqa: ANN401 (click's)
    try:
        return tuple(map(parse_address, value)) if isinstance(value, tuple) else value and parse_address(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _contexts(_context: click.Context, _parameter: click.Parameter, values: Sequence[str]) -> list[RouteParameters]:
    """`/path name=value[,name=value]`; several of one path are several routes, of which Envoy takes the first."""
    routes = []
    for text in values:
        path, _, pairs = text.partition(" ")
        context = dict(pair.partition("=")[::2] for pair in pairs.strip().split(",") if pair)
        if not path.startswith("/") or not context or not all(context) or "=" not in pairs:
            raise click.BadParameter(f"{text!r}: write a path, a space and name=value[,name=value]")
        routes.append(RouteParameters(prefix=path, context=context))
    return routes


def _paths(_context: click.Context, _parameter: click.Parameter, values: Sequence[str]) -> list[RouteParameters]:
    for text in values:
        if not text.startswith("/"):
            raise click.BadParameter(f"{text!r}: a path begins with /")
    return [RouteParameters(prefix=text, checked=False) for text in values]


@envoy.command("config")
@config_option
@click.option("--part", type=click.Choice(PARTS), default="bootstrap", show_default=True, help="What to print.")
@click.option("--listen", default="0.0.0.0:8080", show_default=True, callback=_address, help="Where clients connect.")
@click.option("--admin", default="127.0.0.1:9901", show_default=True, callback=_address, help="Envoy's admin address.")
@click.option("--upstream", callback=_address, help="The API behind Envoy, host:port; for the whole bootstrap.")
@click.option("--sidecar", "sidecars", multiple=True, callback=_address, help="Where the sidecar is, seen from Envoy.")
@click.option("--unchecked", multiple=True, metavar="PATH", callback=_paths, help="A path that is public.")
@click.option(
    "--context",
    "contexts",
    multiple=True,
    metavar="'PATH NAME=VALUE'",
    callback=_contexts,
    help="`context_extensions` for a path, which `match.context` of the policy reads.",
)
@click.option("--sidecar-ca", metavar="FILE", help="Who signs the sidecar's certificate; needed with listen.tls.")
@click.option("--sidecar-name", metavar="HOST", help="What stands in it; the host of the address when left out.")
@click.option("--certificate", metavar="FILE", help="Envoy's own, where the sidecar asks for one.")
@click.option("--certificate-key", metavar="FILE", help="Its private key.")
@click.option("--trusted-hops", type=click.IntRange(0, 20), default=0, show_default=True, help="Proxies in front.")
@click.option("--output", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True)
def config(  # noqa: PLR0917 (click passes them by name)
    path: Path,
    part: Part,
    listen: str,
    admin: str,
    upstream: str | None,
    sidecars: tuple[str, ...],
    unchecked: list[RouteParameters],
    contexts: list[RouteParameters],
    sidecar_ca: str | None,
    sidecar_name: str | None,
    certificate: str | None,
    certificate_key: str | None,
    trusted_hops: int,
    output: Literal["yaml", "json"],
) -> None:
    """Print a hardened Envoy configuration for these settings, or the part of it that you need."""
    settings = load_or_exit(SidecarSettings, path)
    if part == "bootstrap" and upstream is None:
        raise click.UsageError("a bootstrap needs --upstream host:port; --part filter and --part cluster do not")
    parameters = envoy_for(settings, listen=listen, admin=admin, upstream=upstream or _NO_UPSTREAM)
    parameters = replace(
        parameters,
        sidecars=sidecars or parameters.sidecars,
        routes=(*unchecked, *contexts, RouteParameters()),
        trusted_hops=trusted_hops,
    )
    if settings.listen.tls is not None:
        files = (sidecar_ca, certificate, certificate_key)
        parameters = replace(parameters, sidecar_tls=tls_of(settings.listen.tls, parameters, files, sidecar_name))
    data = part_of(parameters, part)
    click.echo(json.dumps(data, indent=2) if output == "json" else yaml.safe_dump(data, sort_keys=False), nl=False)


@envoy.command("lint")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "-c",
    "--config",
    "settings_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The sidecar's settings: headers and timeouts are compared with them.",
)
@click.option(
    "--fail-on",
    type=click.Choice([severity.value for severity in Severity]),
    default=Severity.WARNING.value,
    show_default=True,
    help="The least severity that makes the exit code 1.",
)
@click.option("--output", type=click.Choice(["text", "json", "yaml"]), default="text", show_default=True)
def lint_command(file: Path, settings_path: Path | None, fail_on: str, output: Literal["text", "json", "yaml"]) -> None:
    """Report what weakens an Envoy configuration (YAML or JSON), each with the reason and what to write instead."""
    settings = load_or_exit(SidecarSettings, settings_path) if settings_path else None
    try:
        source = Source.read(file)
        findings = lint(
            source.data,
            identity_headers=identity_headers(settings.apis) if settings else (),
            check_headers=check_headers(settings.apis) if settings else (),
            check_timeout=settings.check.timeout if settings else None,
        )
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    except NotEnvoyError as error:
        raise click.ClickException(f"{file}: {error}") from error
    click.echo(report(findings, source, output))
    raise click.exceptions.Exit(exit_code(findings, Severity(fail_on)))
