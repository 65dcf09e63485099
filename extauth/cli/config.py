"""`extauth config`: checking a settings file without serving, and its JSON Schema."""

import json
from collections.abc import Callable
from pathlib import Path

import click

from extauth.cli.settings_file import config_option, load_or_exit
from extauth.policy.settings import SidecarSettings
from extauth.settings.model import Settings
from extauth.settings.values import SecretError


@click.group()
def config() -> None:
    """Check settings files, and print their schema."""


@config.command()
@config_option
@click.option("--secrets/--no-secrets", default=False, help="Also read the secrets that the file refers to.")
def check(path: Path, secrets: bool) -> None:  # noqa: FBT001 (a click option)
    """Check a sidecar's settings file; list every problem with its line, field and remedy."""
    settings = load_or_exit(SidecarSettings, path)
    if secrets:
        _read_secrets(settings)
    limits = sum(len(api.limits) for api in settings.apis)
    click.echo(f"{path}: good: {len(settings.apis)} APIs, {limits} limits")
    for api in settings.apis:
        if api.outage.unknown_keys == "let_anyone_in":
            click.echo(f"{path}: note: api {api.name!r} lets anyone in while Redis is away")


@config.command()
def schema() -> None:
    """Print the JSON Schema of a sidecar's settings file, for editors."""
    click.echo(json.dumps(schema_of(SidecarSettings), indent=2))


def schema_of(model: type[Settings]) -> dict[str, object]:
    """The JSON Schema (2020-12) of a settings file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema(mode="serialization")}


def _read_secrets(settings: SidecarSettings) -> None:
    reads: list[Callable[[], object]] = [pepper.pepper for pepper in settings.keys.peppers]
    if settings.redis.password is not None:
        reads.append(settings.redis.password.read)
    if settings.listen.envoy_secret is not None:
        reads += [reference.read for reference in settings.listen.envoy_secret.accepted]
    reads += [issuer.read_secret for issuer in settings.bearer.issuers]
    reads += [server.client_secret.read for server in settings.bearer.introspection]
    problems = [problem for read in reads if (problem := _problem(read))]
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        raise click.exceptions.Exit(1)


def _problem(read: Callable[[], object]) -> str | None:
    try:
        read()
    except SecretError as error:
        return str(error)
    return None
