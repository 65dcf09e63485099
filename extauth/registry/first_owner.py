"""Making the first admin token, in the database itself: there is nobody yet whom a running registry would let in."""

from extauth.registry.admin_token import IssuedAdminToken
from extauth.registry.admin_tokens import AdminTokens
from extauth.registry.database import Database
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.settings import RegistrySettings

ACTOR = "extauth registry init"
"""For the audit trail."""


def make_first_owner(
    settings: RegistrySettings, name: str, metrics: RegistryMetrics, *, force: bool
) -> IssuedAdminToken:
    """Bring the database to the tables of this version, and make an owner of all tenants.

    ConflictError when there is an owner, unless `force`; InvalidError, UnavailableError, SecretError.
    """
    peppers = [pepper.pepper() for pepper in settings.keys.peppers]
    database = Database(settings.database, settings.database_password.read() if settings.database_password else None)
    try:
        database.migrate()
        return AdminTokens(database, peppers, metrics).create_first(name, ACTOR, force=force)
    finally:
        database.close()
