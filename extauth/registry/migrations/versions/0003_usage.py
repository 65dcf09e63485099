"""The ledger of usage, and how far it has come with each sidecar."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "usage_hours",
        sa.Column("hour", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("key_id", sa.String(128), primary_key=True),
        sa.Column("tenant", sa.String(128), primary_key=True),
        sa.Column("api", sa.String(128), primary_key=True),
        sa.Column("outcome", sa.String(16), primary_key=True),
        sa.Column("checks", sa.BigInteger, nullable=False),
    )
    op.create_index("usage_hours_key", "usage_hours", ["key_id", "hour"])
    op.create_index("usage_hours_tenant", "usage_hours", ["tenant", "hour"])
    op.create_table(
        "usage_senders",
        sa.Column("instance", sa.String(16), primary_key=True),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
    )
