"""Revocations of bearer tokens, whose changes are counted with those of the keys."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "token_revocations",
        sa.Column("id", sa.String(15), primary_key=True),
        sa.Column("issuer", sa.String(512), nullable=False),
        sa.Column("claim", sa.String(3), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("pepper_id", sa.String(16), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("created_by", sa.String(100), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("pepper_id", "digest", name="token_revocations_digest"),
        sa.UniqueConstraint("revision", name="token_revocations_revision"),
        sa.CheckConstraint("claim IN ('jti', 'sub')", name="token_revocations_claim"),
        sa.CheckConstraint("status IN ('revoked', 'lifted')", name="token_revocations_status"),
    )
    op.create_index("token_revocations_newest", "token_revocations", ["created_at", "id"])
    with op.batch_alter_table("changes") as changes:  # SQLite can only copy the table into a new one
        changes.alter_column("key_id", existing_type=sa.String(12), nullable=True)
        changes.add_column(sa.Column("token_revocation_id", sa.String(15)))
        changes.create_foreign_key("changes_token_revocation", "token_revocations", ["token_revocation_id"], ["id"])
        changes.create_check_constraint("changes_one_thing", "(key_id IS NULL) <> (token_revocation_id IS NULL)")
        changes.create_index("changes_token_revocation_revision", ["token_revocation_id", "revision"])
