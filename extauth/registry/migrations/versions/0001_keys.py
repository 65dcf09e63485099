"""Keys, their changes and the counter of revisions."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    registry = op.create_table(
        "registry",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.CheckConstraint("id = 1", name="registry_one_row"),
    )
    op.bulk_insert(registry, [{"id": 1, "epoch": 1, "revision": 0}])
    op.create_table(
        "keys",
        sa.Column("id", sa.String(12), primary_key=True),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("pepper_id", sa.String(16), nullable=False),
        sa.Column("prefix", sa.String(32), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("tenant", sa.String(63), nullable=False),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("plan", sa.String(63), nullable=False),
        sa.Column("metadata", sa.JSON, nullable=False),
        sa.Column("created_by", sa.String(100), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("not_before", sa.BigInteger),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("revoked_at", sa.BigInteger),
        sa.Column("revoked_reason", sa.String(200), nullable=False),
        sa.Column("rotated_from", sa.String(12), sa.ForeignKey("keys.id", name="keys_rotated_from")),
        sa.Column("rotated_to", sa.String(12), sa.ForeignKey("keys.id", name="keys_rotated_to")),
        sa.Column("last_used_at", sa.BigInteger),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("pepper_id", "digest", name="keys_digest"),
        sa.UniqueConstraint("revision", name="keys_revision"),
        sa.CheckConstraint("status IN ('active', 'disabled', 'revoked')", name="keys_status"),
    )
    op.create_index("keys_newest", "keys", ["created_at", "id"])
    op.create_index("keys_tenant_newest", "keys", ["tenant", "created_at", "id"])
    op.create_table(
        "changes",
        sa.Column("revision", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("key_id", sa.String(12), sa.ForeignKey("keys.id", name="changes_key"), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("actor", sa.String(100), nullable=False),
        sa.Column("committed_at", sa.BigInteger, nullable=False),
    )
    op.create_index("changes_key_revision", "changes", ["key_id", "revision"])
