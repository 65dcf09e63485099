"""Tenants and plans as things of their own, limits of keys, and indexes for lists of many keys.

Those that keys name come into being here, without limits.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "plans",
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("description", sa.String(200), nullable=False),
        sa.Column("limits", sa.JSON, nullable=False),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "tenants",
        sa.Column("id", sa.String(63), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("plan", sa.String(63), nullable=False),
        sa.Column("limits", sa.JSON, nullable=False),
        sa.Column("metadata", sa.JSON, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("suspended_reason", sa.String(200), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.CheckConstraint("status IN ('active', 'suspended')", name="tenants_status"),
    )
    op.execute(
        "INSERT INTO plans (name, description, limits, scopes, created_at, updated_at, revision)"
        " SELECT plan, '', '[]', '[]', min(created_at), min(created_at), 1 FROM keys WHERE plan <> '' GROUP BY plan"
    )
    op.execute(
        "INSERT INTO tenants (id, name, plan, limits, metadata, status, suspended_reason, created_at, updated_at,"
        " revision) SELECT tenant, tenant, '', '[]', '{}', 'active', '', min(created_at), min(created_at), 1"
        " FROM keys GROUP BY tenant"
    )
    op.create_index("tenants_plan", "tenants", ["plan", "id"])
    op.add_column("keys", sa.Column("limits", sa.JSON, nullable=False, server_default="[]"))
    op.create_index("keys_plan_newest", "keys", ["plan", "created_at", "id"])
    op.create_index("keys_status_newest", "keys", ["status", "created_at", "id"])
    op.create_index("keys_by_name", "keys", ["name", "id"])
    op.create_index("keys_by_expiry", "keys", ["expires_at", "id"])
    op.create_index("keys_by_last_use", "keys", ["last_used_at", "id"])
    op.create_table(
        "propagations",
        sa.Column("kind", sa.String(8), primary_key=True),
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("actor", sa.String(100), nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("after_created_at", sa.BigInteger, nullable=False),
        sa.Column("after_key_id", sa.String(12), nullable=False),
        sa.CheckConstraint("kind IN ('tenant', 'plan')", name="propagations_kind"),
    )
    op.create_index("propagations_oldest", "propagations", ["started_at", "kind", "name"])
