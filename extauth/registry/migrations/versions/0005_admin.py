"""Admin tokens, the audit trail and the answers to idempotent requests."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "admin_tokens",
        sa.Column("id", sa.String(12), primary_key=True),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("pepper_id", sa.String(16), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("tenant", sa.String(63)),
        sa.Column("created_by", sa.String(100), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("last_used_at", sa.BigInteger),
        sa.Column("revoked_at", sa.BigInteger),
        sa.Column("revoked_reason", sa.String(200), nullable=False),
        sa.Column("rotated_from", sa.String(12), sa.ForeignKey("admin_tokens.id", name="admin_tokens_rotated_from")),
        sa.Column("rotated_to", sa.String(12), sa.ForeignKey("admin_tokens.id", name="admin_tokens_rotated_to")),
        sa.UniqueConstraint("pepper_id", "digest", name="admin_tokens_digest"),
        sa.CheckConstraint("role IN ('viewer', 'editor', 'owner', 'publisher')", name="admin_tokens_role"),
    )
    op.create_index("admin_tokens_newest", "admin_tokens", ["created_at", "id"])
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String(100), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("target", sa.String(128), nullable=False),
        sa.Column("tenant", sa.String(63)),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("user_agent", sa.String(200), nullable=False),
        sa.Column("before", sa.JSON, nullable=False),
        sa.Column("after", sa.JSON, nullable=False),
    )
    op.create_index("audit_tenant", "audit", ["tenant", "id"])
    op.create_index("audit_actor", "audit", ["actor", "id"])
    op.create_index("audit_target", "audit", ["target", "id"])
    op.create_index("audit_at", "audit", ["at"])
    op.create_table(
        "idempotent_answers",
        sa.Column("id", sa.LargeBinary(32), primary_key=True),
        sa.Column("fingerprint", sa.LargeBinary(32), nullable=False),
        sa.Column("answer", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_index("idempotent_answers_oldest", "idempotent_answers", ["created_at"])
