"""Usage by the minute and by the day beside that by the hour, indexes for the health of keys, and reports of leaks."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_NAME = sa.String(128).with_variant(sa.String(128, collation="C"), "postgresql")


def upgrade() -> None:
    op.drop_index("usage_hours_key", "usage_hours")
    op.drop_index("usage_hours_tenant", "usage_hours")
    with op.batch_alter_table("usage_hours", table_kwargs={"sqlite_with_rowid": False}) as hours:
        hours.alter_column("hour", new_column_name="start", existing_type=sa.BigInteger, existing_nullable=False)
        hours.alter_column("key_id", type_=_NAME, existing_type=sa.String(128), existing_nullable=False)
        hours.alter_column("outcome", type_=sa.String(48), existing_type=sa.String(16), existing_nullable=False)
    for name in ("usage_minutes", "usage_days"):
        op.create_table(
            name,
            sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column("key_id", _NAME, primary_key=True),
            sa.Column("tenant", sa.String(128), primary_key=True),
            sa.Column("api", sa.String(128), primary_key=True),
            sa.Column("outcome", sa.String(48), primary_key=True),
            sa.Column("checks", sa.BigInteger, nullable=False),
            sqlite_with_rowid=False,
        )
    for name in ("usage_minutes", "usage_hours", "usage_days"):
        op.create_index(f"{name}_key", name, ["key_id", "start"])
        op.create_index(f"{name}_tenant", name, ["tenant", "start"])
    op.create_table(
        "usage_resolutions",
        sa.Column("name", sa.String(8), primary_key=True),
        sa.Column("folded_to", sa.BigInteger, nullable=False),
        sa.Column("folded_key", _NAME, nullable=False),
        sa.Column("kept_from", sa.BigInteger, nullable=False),
    )
    hours_end = "FROM (SELECT coalesce(max(start) + 3600000, 0) AS hours_end FROM usage_hours) AS ledger"
    op.execute(
        "INSERT INTO usage_resolutions (name, folded_to, folded_key, kept_from)"
        f" SELECT 'minute', 0, '', hours_end {hours_end}"
        f" UNION ALL SELECT 'hour', hours_end, '', 0 {hours_end}"
        " UNION ALL SELECT 'day', 0, '', 0"
    )
    in_use = sa.text("revoked_at IS NULL AND rotated_to IS NULL")
    op.create_index(
        "keys_unused",
        "keys",
        ["last_used_at", "created_at", "expires_at", "not_before", "revoked_at", "rotated_to", "id"],
        sqlite_where=in_use,
        postgresql_where=in_use,
    )
    rotated = sa.text("rotated_to IS NOT NULL")
    op.create_index(
        "keys_rotated_last_use", "keys", ["last_used_at", "id"], sqlite_where=rotated, postgresql_where=rotated
    )
    op.create_table(
        "leak_reports",
        sa.Column("id", sa.String(15), primary_key=True),
        sa.Column("key_id", sa.String(12), sa.ForeignKey("keys.id", name="leak_reports_key"), nullable=False),
        sa.Column("place", sa.LargeBinary(32), nullable=False),
        sa.Column("reporter", sa.String(32), nullable=False),
        sa.Column("type", sa.String(100), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("url", sa.String(2048), nullable=False),
        sa.Column("key_state", sa.String(16), nullable=False),
        sa.Column("reported_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("key_id", "place", name="leak_reports_place"),
    )
    op.create_index("leak_reports_newest", "leak_reports", ["reported_at", "id"])
