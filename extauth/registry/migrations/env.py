"""Run by alembic, for `upgrade` in this package and for nothing else."""

from alembic import context

from extauth.registry.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
