"""The tables of who may change the registry and of what they did. `migrations/` makes them, as those of `schema`."""

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)

from extauth.registry.schema import metadata

ROW_NUMBER = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts a primary key by itself only when it is called INTEGER; it has 64 bits there all the same."""

admin_tokens = Table(
    "admin_tokens",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("pepper_id", String(16), nullable=False),
    Column("name", String(100), nullable=False),
    Column("role", String(16), nullable=False),
    Column("tenant", String(63)),
    Column("created_by", String(100), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("last_used_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("revoked_reason", String(200), nullable=False),
    Column("rotated_from", String(12), ForeignKey("admin_tokens.id", name="admin_tokens_rotated_from")),
    Column("rotated_to", String(12), ForeignKey("admin_tokens.id", name="admin_tokens_rotated_to")),
    UniqueConstraint("pepper_id", "digest", name="admin_tokens_digest"),
    CheckConstraint("role IN ('viewer', 'editor', 'owner', 'publisher')", name="admin_tokens_role"),
    Index("admin_tokens_newest", "created_at", "id"),
)
"""One row for each admin token that was ever made; `tenant` is null for those of all tenants."""

audit = Table(
    "audit",
    metadata,
    Column("id", ROW_NUMBER, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", String(100), nullable=False),
    Column("action", String(32), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("target", String(128), nullable=False),
    Column("tenant", String(63)),
    Column("address", String(64), nullable=False),
    Column("user_agent", String(200), nullable=False),
    Column("before", JSON, nullable=False),
    Column("after", JSON, nullable=False),
    Index("audit_tenant", "tenant", "id"),
    Index("audit_actor", "actor", "id"),
    Index("audit_target", "target", "id"),
    Index("audit_at", "at"),
)
"""Who did what to what, written in the transaction that did it; `before` and `after` hold the fields that differ.

`tenant` is null for what belongs to no tenant.
"""

idempotent_answers = Table(
    "idempotent_answers",
    metadata,
    Column("id", LargeBinary(32), primary_key=True),
    Column("fingerprint", LargeBinary(32), nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index("idempotent_answers_oldest", "created_at"),
)
"""Answers to requests that had an Idempotency-Key, for a day. `id` is derived from that key, and so is what `answer` is
encrypted with; neither the key nor the answer is here in the clear."""
