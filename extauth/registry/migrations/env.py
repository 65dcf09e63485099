"""Run by alembic, for `upgrade` in this package and for nothing else."""

from alembic import context

from extauth.registry.admin_schema import audit

context.configure(connection=context.config.attributes["connection"], target_metadata=audit.metadata)
context.run_migrations()
