"""`extauth limits`: limits tried on the traffic that there was, before they are tried on callers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from string import ascii_uppercase

import click

from extauth.cli.limits_output import OUTPUTS, Output, show, write_plot
from extauth.cli.settings_file import load_or_exit
from extauth.policy.dimensions import HEADER, header_of
from extauth.policy.schema import Api
from extauth.policy.settings import SidecarSettings
from extauth.simulate.arrival import COST, FIELDS, TIME
from extauth.simulate.candidate import Candidate, CandidateError, of_api, of_text, wanted
from extauth.simulate.errors import LogError
from extauth.simulate.fields import Names
from extauth.simulate.formats import FORMATS, Format
from extauth.simulate.log import Reading
from extauth.simulate.run import run

_TOLD = 10  # bad lines that are told one by one


@click.group()
def limits() -> None:
    """Try limits."""


def _pairs(_context: click.Context, _parameter: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    """`FIELD=TEXT` of known fields, each once."""
    found = dict(value.partition("=")[::2] for value in values)
    known = (TIME, COST, *FIELDS)
    if any("=" not in value for value in values) or len(found) < len(values):
        raise click.BadParameter("use FIELD=TEXT, each field once")
    for name in found:
        if name not in known and not header_of(name):
            raise click.BadParameter(f"{name!r} is no field: use {', '.join(known)}, or {HEADER}NAME")
    return found


@limits.command()
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@click.option(
    "--policy",
    "policies",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A sidecar's settings file, with the limits to try.",
)
@click.option("--api", help="Which API's limits, if the file has several; and only arrivals at that one, if LOG says.")
@click.option(
    "--limit",
    "texts",
    multiple=True,
    metavar="LIMIT[;LIMIT]",
    help="Limits to try, such as 'name=per-key,by=key,rate=100/s,burst=200'.",
)
@click.option("--format", "form", type=click.Choice(FORMATS), help="Of LOG; its first line shows it.")
@click.option("--envoy-format", help="Envoy's format string of LOG; its default one is known.")
@click.option("--field", "given", multiple=True, callback=_pairs, metavar="FIELD=NAME", help="What LOG calls a field.")
@click.option("--only", multiple=True, callback=_pairs, metavar="FIELD=TEXT", help="Only arrivals with this value.")
@click.option("--max-errors", type=click.IntRange(0), default=100, show_default=True, help="Bad lines to put up with.")
@click.option("--top", type=click.IntRange(0), default=10, show_default=True, help="How many callers of each limit.")
@click.option("--output", type=click.Choice(OUTPUTS), default=OUTPUTS[0], show_default=True)
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False, writable=True), help="Write a plot, as SVG.")
def simulate(  # noqa: PLR0917 (click passes them by name)
    logs: Sequence[str],
    policies: Sequence[Path],
    api: str | None,
    texts: Sequence[str],
    form: Format | None,
    envoy_format: str | None,
    given: Mapping[str, str],
    only: Mapping[str, str],
    max_errors: int,
    top: int,
    output: Output,
    plot: Path | None,
) -> None:
    """Show who would have been limited, when and how much, had limits been in force while LOG was written.

    LOG is CSV, JSON lines or an access log of Envoy, compressed with gzip or not; - is standard input. Several logs
    are taken for those of several Envoys. Each --policy and each --limit is a candidate of its own, and all are tried
    on the same arrivals.
    """
    candidates = _candidates(policies, api, texts)
    names = Names([*dict.fromkeys([*wanted(candidates), *only, *(["api"] if api else [])])], given)
    reading = Reading(names, form, envoy_format, api or "", only, max_errors)
    try:
        outcome = run(candidates, logs, reading, _Complaints())
    except LogError as error:
        raise click.ClickException(str(error)) from None
    show(outcome, output, top)
    if plot is not None:
        write_plot(outcome, plot)


def _candidates(policies: Sequence[Path], api: str | None, texts: Sequence[str]) -> list[Candidate]:
    if not 1 <= len(policies) + len(texts) <= len(ascii_uppercase):
        raise click.UsageError("nothing to try: use --policy or --limit, 26 of them at most")
    letters = iter(ascii_uppercase)
    found = [of_api(next(letters), str(path), _api_of(path, api)) for path in policies]
    for text in texts:
        try:
            found.append(of_text(next(letters), text))
        except CandidateError as error:
            raise click.BadParameter(str(error), param_hint="--limit") from None
    return found


def _api_of(path: Path, name: str | None) -> Api:
    """The one that is named, or the only one with limits."""
    apis = load_or_exit(SidecarSettings, path).apis
    found = [one for one in apis if (one.name == name if name else one.limits)]
    if not name and not found:
        raise click.UsageError(f"{path}: no API has limits")
    if len(found) != 1:
        raise click.UsageError(f"{path}: use --api with one of {', '.join(one.name for one in apis)}")
    if not found[0].limits:
        raise click.UsageError(f"{path}: api {name} has no limits")
    return found[0]


class _Complaints:
    """Tells of the first bad lines."""

    def __init__(self) -> None:
        self._told = 0

    def __call__(self, text: str) -> None:
        self._told += 1
        if self._told <= _TOLD:
            click.echo(text, err=True)
