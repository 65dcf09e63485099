"""`extauth tokens`: revoke bearer tokens that others issued."""

from typing import Any
from urllib.parse import quote

import click

from extauth.cli.keys_session import Session, connected
from extauth.cli.keys_values import time

_COLUMNS = ("id", "issuer", "claim", "status", "reason", "created_at", "expires_at")
_PATH = "/v1/token-revocations"

_jti = click.option("--jti", help="One token, by this claim.")
_subject = click.option("--subject", help="All tokens of a subject (sub).")


@click.group()
def tokens() -> None:
    """Revoke bearer tokens that others issued."""


@tokens.command()
@click.option("--issuer", required=True, help="Who issued the tokens (iss).")
@_jti
@_subject
@click.option("--reason", default="", help="Why; kept with the revocation.")
@click.option("--until", callback=time, help="When all of the tokens will have expired: a duration, or RFC 3339.")
@connected
def revoke(
    session: Session, *, issuer: str, jti: str | None, subject: str | None, reason: str, until: str | None
) -> None:
    """Refuse one token for good, or all tokens of a subject until that is lifted."""
    if (jti is None) == (subject is None):
        raise click.UsageError("use --jti or --subject")
    named = {"jti": jti} if subject is None else {"subject": subject}
    body = {"issuer": issuer, "reason": reason, "until": until, **named}
    session.show(session.client.call("POST", _PATH, body))


@tokens.command("list")
@click.option("--issuer", help="Only of this issuer's tokens.")
@_jti
@_subject
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="How many at most.")
@click.option("--cursor", help="Where the list before ended.")
@connected
def list_revocations(session: Session, **query: Any) -> None:  # noqa: ANN401 (click's values)
    """List revocations, newest first; with --jti or --subject, which need --issuer, the one of those tokens."""
    given = {name: value for name, value in query.items() if value is not None}
    session.show_page(session.client.call("GET", _PATH, query=given), _COLUMNS)


@tokens.command()
@click.argument("revocation_id")
@connected
def lift(session: Session, revocation_id: str) -> None:
    """Honour a subject's tokens again; the revocation of a single token is final."""
    session.show(session.client.call("POST", f"{_PATH}/{quote(revocation_id, safe='')}/lift"))
