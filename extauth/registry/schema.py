"""The tables. `migrations/` makes them; a test holds the two together.

Times are Unix milliseconds: SQLite keeps no time zone, and PostgreSQL would return another type.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    text,
)

metadata = MetaData()

registry = Table(
    "registry",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="registry_one_row"),
)
"""One row. `epoch` grows when a registry is restored from a copy; `revision` counts all changes."""

plans = Table(
    "plans",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("description", String(200), nullable=False),
    Column("limits", JSON, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
)
"""What keys and tenants may be on. `revision` counts the changes of this row alone."""

tenants = Table(
    "tenants",
    metadata,
    Column("id", String(63), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("plan", String(63), nullable=False),
    Column("limits", JSON, nullable=False),
    Column("metadata", JSON, nullable=False),
    Column("status", String(16), nullable=False),
    Column("suspended_reason", String(200), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    CheckConstraint("status IN ('active', 'suspended')", name="tenants_status"),
    Index("tenants_plan", "plan", "id"),
)
"""Whose the keys are; an empty plan is none. `revision` counts the changes of this row alone."""

_IN_USE = text("revoked_at IS NULL AND rotated_to IS NULL")
_ROTATED = text("rotated_to IS NOT NULL")

keys = Table(
    "keys",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("pepper_id", String(16), nullable=False),
    Column("prefix", String(32), nullable=False),
    Column("name", String(100), nullable=False),
    Column("tenant", String(63), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("plan", String(63), nullable=False),
    Column("limits", JSON, nullable=False, server_default="[]"),
    Column("metadata", JSON, nullable=False),
    Column("created_by", String(100), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("not_before", BigInteger),
    Column("expires_at", BigInteger),
    Column("status", String(16), nullable=False),
    Column("revoked_at", BigInteger),
    Column("revoked_reason", String(200), nullable=False),
    Column("rotated_from", String(12), ForeignKey("keys.id", name="keys_rotated_from")),
    Column("rotated_to", String(12), ForeignKey("keys.id", name="keys_rotated_to")),
    Column("last_used_at", BigInteger),
    Column("revision", BigInteger, nullable=False),
    UniqueConstraint("pepper_id", "digest", name="keys_digest"),
    UniqueConstraint("revision", name="keys_revision"),
    CheckConstraint("status IN ('active', 'disabled', 'revoked')", name="keys_status"),
    Index("keys_newest", "created_at", "id"),
    Index("keys_tenant_newest", "tenant", "created_at", "id"),
    Index("keys_plan_newest", "plan", "created_at", "id"),
    Index("keys_status_newest", "status", "created_at", "id"),
    Index("keys_by_name", "name", "id"),
    Index("keys_by_expiry", "expires_at", "id"),
    Index("keys_by_last_use", "last_used_at", "id"),
    Index(
        "keys_unused",
        "last_used_at",
        "created_at",
        "expires_at",
        "not_before",
        "revoked_at",  # with the next one always NULL here: SQLite counts by the index alone if it has all columns
        "rotated_to",
        "id",
        sqlite_where=_IN_USE,
        postgresql_where=_IN_USE,
    ),
    Index(
        "keys_rotated_last_use",
        "last_used_at",
        "id",
        sqlite_where=_ROTATED,
        postgresql_where=_ROTATED,
    ),
)
"""One row for each key that was ever made: a revoked key stays, so that its id and digest are never used again.

`tenant` and `plan` name rows of those tables, but for an empty plan. No foreign key says so: SQLite cannot add one to
a table that others refer to, and the operations hold the counter of revisions while they look.
"""

propagations = Table(
    "propagations",
    metadata,
    Column("kind", String(8), primary_key=True),
    Column("name", String(63), primary_key=True),
    Column("action", String(16), nullable=False),
    Column("actor", String(100), nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("after_created_at", BigInteger, nullable=False),
    Column("after_key_id", String(12), nullable=False),
    CheckConstraint("kind IN ('tenant', 'plan')", name="propagations_kind"),
    Index("propagations_oldest", "started_at", "kind", "name"),
)
"""Tenants and plans that have changed, and how far the keys they concern have been given a new revision for it."""

token_revocations = Table(
    "token_revocations",
    metadata,
    Column("id", String(15), primary_key=True),
    Column("issuer", String(512), nullable=False),
    Column("claim", String(3), nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("pepper_id", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("reason", String(200), nullable=False),
    Column("created_by", String(100), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revision", BigInteger, nullable=False),
    UniqueConstraint("pepper_id", "digest", name="token_revocations_digest"),
    UniqueConstraint("revision", name="token_revocations_revision"),
    CheckConstraint("claim IN ('jti', 'sub')", name="token_revocations_claim"),
    CheckConstraint("status IN ('revoked', 'lifted')", name="token_revocations_status"),
    Index("token_revocations_newest", "created_at", "id"),
)
"""One row for each token, or subject of tokens, that was ever revoked; `digest` stands for which one."""

changes = Table(
    "changes",
    metadata,
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("key_id", String(12), ForeignKey("keys.id", name="changes_key")),
    Column("token_revocation_id", String(15), ForeignKey("token_revocations.id", name="changes_token_revocation")),
    Column("action", String(16), nullable=False),
    Column("actor", String(100), nullable=False),
    Column("committed_at", BigInteger, nullable=False),
    CheckConstraint("(key_id IS NULL) <> (token_revocation_id IS NULL)", name="changes_one_thing"),
    Index("changes_key_revision", "key_id", "revision"),
    Index("changes_token_revocation_revision", "token_revocation_id", "revision"),
)
"""Who did what to which key or revocation, one row for each revision without a gap."""

_USAGE_NAME = String(128).with_variant(String(128, collation="C"), "postgresql")
"""Keys in the order of their characters, on every database and in Python: the fold goes by it."""


def _usage_table(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("start", BigInteger, primary_key=True, autoincrement=False),
        Column("key_id", _USAGE_NAME, primary_key=True),
        Column("tenant", String(128), primary_key=True),
        Column("api", String(128), primary_key=True),
        Column("outcome", String(48), primary_key=True),
        Column("checks", BigInteger, nullable=False),
        Index(f"{name}_key", "key_id", "start"),
        Index(f"{name}_tenant", "tenant", "start"),
        sqlite_with_rowid=False,
    )


usage_minutes = _usage_table("usage_minutes")
usage_hours = _usage_table("usage_hours")
usage_days = _usage_table("usage_days")
"""The ledger: checks by outcome in the minute, hour or day that begins at `start`. Sidecars tell of keys that need not
be in `keys`. What is in one table and what only in the next finer one, `usage_resolutions` tells.
"""

usage_resolutions = Table(
    "usage_resolutions",
    metadata,
    Column("name", String(8), primary_key=True),
    Column("folded_to", BigInteger, nullable=False),
    Column("folded_key", _USAGE_NAME, nullable=False),
    Column("kept_from", BigInteger, nullable=False),
)
"""One row for `minute`, `hour` and `day`. The table of a resolution has all of the next finer one's rows before
(`folded_to`, `folded_key`), compared as (start, key_id). Before `kept_from` a table is being emptied.
"""

usage_senders = Table(
    "usage_senders",
    metadata,
    Column("instance", String(16), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
)
"""The last batch of each sidecar that is in the ledger. It sends them in order, so all before it are there, or lost."""

leak_reports = Table(
    "leak_reports",
    metadata,
    Column("id", String(15), primary_key=True),
    Column("key_id", String(12), ForeignKey("keys.id", name="leak_reports_key"), nullable=False),
    Column("place", LargeBinary(32), nullable=False),
    Column("reporter", String(32), nullable=False),
    Column("type", String(100), nullable=False),
    Column("source", String(64), nullable=False),
    Column("url", String(2048), nullable=False),
    Column("key_state", String(16), nullable=False),
    Column("reported_at", BigInteger, nullable=False),
    UniqueConstraint("key_id", "place", name="leak_reports_place"),
    Index("leak_reports_newest", "reported_at", "id"),
)
"""Keys of ours that others found in the open, one row for each place; `key_state` is what the key was then."""
