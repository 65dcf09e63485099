"""`extauth keys canary`: how long a revoked key goes on working, measured where callers are."""

import time
from dataclasses import asdict
from urllib.parse import SplitResult, urlsplit

import click

from extauth.cli import keys_options as options
from extauth.cli.canary import asker, is_let_in, observe
from extauth.cli.keys_session import Session, connected
from extauth.cli.keys_values import duration
from extauth.settings.values import parse_duration

_PATIENCE = 10.0  # seconds for a new key to be let in
_NOTHING_MEASURED = 3


class _UnmeasuredError(click.ClickException):
    exit_code = _NOTHING_MEASURED


def _url(_context: click.Context, _parameter: click.Parameter, value: str) -> SplitResult:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise click.BadParameter("use a URL such as https://api.example.com/health")
    return parts


@click.command()
@click.option("--url", required=True, callback=_url, help="What to call: any URL that lets such a key in.")
@click.option("--header", default="x-api-key", show_default=True, help="Where the key belongs.")
@click.option("--tenant", required=True, help="Whose key it is; best a tenant of its own.")
@options.scopes
@click.option("--within", default="1s", show_default=True, callback=duration, help="Exit 1 when it takes longer.")
@click.option("--for", "watch", default="3s", show_default=True, callback=duration, help="How long to go on calling.")
@connected
def canary(
    session: Session, *, url: SplitResult, header: str, tenant: str, scopes: tuple[str, ...], within: str, watch: str
) -> None:
    """Make a key, call a URL with it, revoke it, and measure for how long it was still let in.

    Counted from before the registry is asked to revoke, so the truth is no worse. Exit 1 when it took longer than
    --within, 3 when nothing could be measured. Each run leaves one revoked key.
    """
    key = session.client.call("POST", "/v1/keys", {"name": "canary", "tenant": tenant, "scopes": list(scopes)})
    ask = asker(url, header, key["secret"])
    was_let_in = is_let_in(ask, _PATIENCE)
    revoked_at = time.monotonic()
    session.client.call("POST", f"/v1/keys/{key['id']}/revoke", {"reason": "canary"})
    if not was_let_in:
        raise _UnmeasuredError(f"{url.geturl()} did not let a new key in within {_PATIENCE:g} s")
    seen = observe(ask, revoked_at, parse_duration(watch))
    if seen.failed == seen.requests:
        raise _UnmeasuredError(f"{url.geturl()} answered none of {seen.requests} requests")
    session.show({"key_id": key["id"], **asdict(seen), "seconds": round(seen.seconds, 3)})
    raise click.exceptions.Exit(int(seen.seconds > parse_duration(within)))
