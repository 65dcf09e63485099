"""How `extauth limits simulate` tells what it found."""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import click

from extauth.cli.keys_output import print_csv, print_json, print_table, print_yaml
from extauth.simulate import report
from extauth.simulate.plot_svg import Panel, svg
from extauth.simulate.plot_text import ADMITTED, LIMITED, plot
from extauth.simulate.run import Outcome
from extauth.simulate.times import iso
from extauth.simulate.trial import Trial

Output = Literal["table", "json", "yaml", "csv"]
OUTPUTS: Sequence[Output] = get_args(Output)
_FOUND = ("requests", "limited", "share", "first", "last", "worst_minute", "worst_minute_limited", "burst_needed")
_LIMIT_COLUMNS = ("candidate", "limit", "callers", "callers_limited", *_FOUND)
_CALLER_COLUMNS = ("candidate", "limit", "caller", *_FOUND)
_PLOT_STEPS = 160  # of a plot as SVG
_NARROWEST, _WIDEST, _MARGIN = 40, 120, 14  # columns of a terminal, and those that the scale takes


def show(outcome: Outcome, output: Output, top: int) -> None:
    """`top` callers of each limit."""
    callers = list(report.caller_rows(outcome.trials, top))
    if output == "csv":
        print_csv(_CALLER_COLUMNS, callers)
    elif output == "json":
        print_json(_whole(outcome, callers))
    elif output == "yaml":
        print_yaml(_whole(outcome, callers))
    else:
        _show_tables(outcome, callers, top)
    for remark in _remarks(outcome):
        click.echo(remark, err=True)


def write_plot(outcome: Outcome, path: Path) -> None:
    panels = [Panel(_title(trial), trial.timeline.counts(_PLOT_STEPS)) for trial in outcome.trials]
    try:
        path.write_text(svg(panels), encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from None


def _whole(outcome: Outcome, callers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    passed = outcome.passed
    return {
        "candidates": [
            {**row, "origin": trial.candidate.origin, "timeline": _timeline(trial)}
            for row, trial in zip(report.candidate_rows(outcome.trials), outcome.trials, strict=True)
        ],
        "limits": list(report.limit_rows(outcome.trials)),
        "callers": callers,
        "log": {
            "requests": outcome.trials[0].requests,
            "bad_lines": passed.bad,
            "without_identity": passed.anonymous,
            "not_asked_for": passed.others,
            "late": outcome.trials[0].late,
        },
    }


def _timeline(trial: Trial) -> dict[str, Any]:
    counts = trial.timeline.counts(_PLOT_STEPS)
    return {
        "step_seconds": counts.step / 1_000_000,
        "steps": [
            {"start": iso(time), "requests": count.requests, "limited": count.limited} for time, count in counts.counts
        ],
    }


def _show_tables(outcome: Outcome, callers: Sequence[Mapping[str, Any]], top: int) -> None:
    width = min(max(shutil.get_terminal_size().columns, _NARROWEST), _WIDEST) - _MARGIN
    for trial in outcome.trials:
        click.echo(f"{_title(trial)} ({ADMITTED} let through, {LIMITED} refused)")
        click.echo(plot(trial.timeline.counts(width), width))
    print_table(_LIMIT_COLUMNS, _told(report.limit_rows(outcome.trials)))
    if callers:
        click.echo()
        print_table(_CALLER_COLUMNS, _told(callers))
    if callers and len(outcome.trials) > 1:
        rows = report.compared(outcome.trials, top)
        click.echo("\nRequests limited, by candidate:")
        print_table(tuple(rows[0]), _told(rows))


def _title(trial: Trial) -> str:
    limits = "; ".join(map(str, trial.candidate.limits))
    share = report.share(trial.limited, trial.requests)
    return f"{trial.candidate.name}: {share:.2%} refused, {trial.limited:,} of {trial.requests:,}; {limits}"


def _remarks(outcome: Outcome) -> Iterable[str]:
    passed, late = outcome.passed, outcome.trials[0].late
    for count, what in (
        (passed.bad, "lines could not be read"),
        (passed.anonymous, "requests have no key, or no tenant, and were left out"),
        (passed.others, "requests were not asked for"),
        (late, "requests stand too far from their place, and count as if they had come later"),
    ):
        if count:
            yield f"{count:,} {what}"


def _told(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{name: _cell(name, value) for name, value in row.items()} for row in rows]


def _cell(name: str, value: object) -> object:
    if name == "share":
        return f"{value:.2%}"
    if name in {"first", "last", "worst_minute"} and value:
        return f"{str(value)[:19]}Z"
    return f"{value:,}" if isinstance(value, int) else value
