"""What all commands that ask the registry share: its address, the form of the output, and the exit codes."""

import functools
import os
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from extauth.cli.exit_codes import ExitCode
from extauth.cli.keys_output import print_csv, print_fields, print_json, print_table, print_yaml
from extauth.registry.client import Client, RefusedError, UnreachableError

_WHOLE: Mapping[str, Callable[[Mapping[str, Any]], None]] = {"json": print_json, "yaml": print_yaml}
"""Forms that show an answer as the registry gave it."""


@dataclass(frozen=True, slots=True)
class Session:
    """A registry, and the form in which its answers are printed: table, json, yaml or csv."""

    client: Client
    output: str

    @property
    def shows_whole(self) -> bool:
        """Whether an answer is printed as the registry gave it."""
        return self.output in _WHOLE

    def show(self, item: Mapping[str, Any]) -> None:
        if self.output == "csv":
            print_csv(list(item), [item])
        elif self.output == "table":
            print_fields(item)
        else:
            _WHOLE[self.output](item)

    def show_page(self, page: Mapping[str, Any], columns: Sequence[str]) -> None:
        """Print `items` of an answer, and how to see more of them."""
        if self.output in _WHOLE:
            _WHOLE[self.output](page)
            return
        if self.output == "csv":
            print_csv(columns, page["items"])
        else:
            print_table(columns, page["items"])
        if page["next_cursor"]:
            click.echo(f"There are more: --cursor {page['next_cursor']}", err=True)

    def show_issued(self, key: Mapping[str, Any], *, quiet: bool) -> None:
        """Print a new key with its secret; `quiet`: the secret and nothing else."""
        if quiet:
            click.echo(key["secret"])
            return
        self.show(key)
        if self.output == "table":
            click.echo("\nThe secret is shown only this once: store it now.")


class _Refused(click.ClickException):
    exit_code = ExitCode.REFUSED


class _Unreachable(click.ClickException):
    exit_code = ExitCode.UNREACHABLE


_registry = click.option(
    "--registry",
    envvar="REGISTRY_URL",
    default="http://127.0.0.1:9903",
    show_envvar=True,
    help="URL of the registry.",
)
_token = click.option(
    "--token",
    envvar="REGISTRY_TOKEN",
    show_envvar=True,
    help="Admin token. Prefer the environment: others on this machine can see a command line.",
)


def connected(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that all have, a Session made from them, and its errors their exit codes."""
    return connected_for("table", "json", "yaml", "csv")(command)


def connected_for(*outputs: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """`connected` with other forms of output; the first one is the default. Without any there is no such option."""
    return lambda command: _connect(command, outputs)


def _connect(command: Callable[..., None], outputs: Sequence[str]) -> Callable[..., None]:
    @functools.wraps(command)
    def run(*, registry: str, token: str | None, output: str = "", **options: Any) -> None:  # noqa: ANN401 (click's values)
        session = Session(_client(registry, token), output)
        try:
            command(session, **options)
        except RefusedError as error:
            raise _Refused(str(error)) from None
        except UnreachableError as error:
            raise _Unreachable(str(error)) from None

    if outputs:
        run = click.option("--output", type=click.Choice(outputs), default=outputs[0], help=f"Default: {outputs[0]}.")(
            run
        )
    return _registry(_token(run))


def _client(url: str, token: str | None) -> Client:
    if not token:
        raise click.UsageError("no admin token: set REGISTRY_TOKEN")
    try:
        return Client(url, token, _context())
    except ValueError as error:
        raise click.UsageError(f"{error}: mend REGISTRY_URL or REGISTRY_TOKEN") from None


def _context() -> ssl.SSLContext | None:
    """By REGISTRY_CA_FILE, and REGISTRY_CERTIFICATE_FILE (a certificate with its key) for mutual TLS."""
    ca_file, certificate_file = (os.environ.get(name) for name in ("REGISTRY_CA_FILE", "REGISTRY_CERTIFICATE_FILE"))
    if not ca_file and not certificate_file:
        return None
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
        if certificate_file:
            context.load_cert_chain(certificate_file)
    except OSError as error:
        remedy = "mend REGISTRY_CA_FILE or REGISTRY_CERTIFICATE_FILE"
        raise click.UsageError(f"no TLS with these files: {error.strerror or error}: {remedy}") from None
    return context
