"""AdminTokens: making, rotating and revoking admin tokens, and telling whose a token is."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress

from sqlalchemy import insert, or_, update

from extauth.keys import token as token_format
from extauth.keys.digest import Pepper
from extauth.registry import admin_fields, fields, times
from extauth.registry.admin_schema import admin_tokens
from extauth.registry.admin_token import (
    KIND,
    PREFIX,
    AdminToken,
    IssuedAdminToken,
    NewAdminToken,
    TokenState,
    check_rotatable,
    retire,
    revoke,
)
from extauth.registry.admin_token_rows import (
    AdminTokenPage,
    columns_of,
    find_token,
    find_tokens,
    has_owner,
    token_of,
)
from extauth.registry.audit import Target
from extauth.registry.belonging import tenant_for
from extauth.registry.database import Database
from extauth.registry.errors import ConflictError, UnavailableError
from extauth.registry.identity import Identity, Role
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.transaction import Action, Transaction, begin

_MINUTE = 60_000


class AdminTokens:
    """The operations. Each may raise UnavailableError, and those on one token NotFoundError.

    `actor` is who asks, for the audit trail. Times are Unix milliseconds, `clock` returns the present one.
    """

    def __init__(
        self,
        database: Database,
        peppers: Sequence[Pepper],
        metrics: RegistryMetrics,
        clock: Callable[[], int] = times.now,
    ) -> None:
        self._database = database
        self._peppers = peppers
        self._metrics = metrics
        self.clock = clock

    def create(self, new: NewAdminToken, actor: str) -> IssuedAdminToken:
        """Make a token; InvalidError. Its text is in the result and nowhere else."""
        admin_fields.check_new(new, self.clock())
        with self._begin(actor) as transaction:
            if new.tenant is not None:
                tenant_for(transaction, new.tenant, existing=True)
            return self._issue(transaction, new)

    def create_first(self, name: str, actor: str, *, force: bool) -> IssuedAdminToken:
        """Make an owner of all tenants; ConflictError when there is one already, unless `force`."""
        new = NewAdminToken(name, Role.OWNER)
        admin_fields.check_new(new, self.clock())
        with self._begin(actor) as transaction:
            if not force and has_owner(transaction.connection, transaction.now):
                raise ConflictError("of an owner is there already", "let an owner make more", KIND)
            return self._issue(transaction, new)

    def rotate(self, token_id: str, grace: float, actor: str) -> IssuedAdminToken:
        """Make a successor with the same rights; the old one lives `grace` seconds longer at most, with 0 not at all.

        InvalidError, ConflictError.
        """
        admin_fields.check_grace(grace)
        with self._begin(actor) as transaction:
            old = find_token(transaction.connection, token_id, hold=True)
            check_rotatable(old, transaction.now)
            new = NewAdminToken(old.name, old.role, old.tenant, old.expires_at)
            issued = self._issue(transaction, new, old.id)
            retired = retire(old, transaction.now, round(grace * 1000), issued.token.id)
            _save(transaction, old, retired, Action.ADMIN_ROTATED)
            return issued

    def revoke(self, token_id: str, reason: str, actor: str) -> AdminToken:
        """End a token at once and for good; one that is revoked stays as it is. InvalidError."""
        fields.check_reason(reason)
        with self._begin(actor) as transaction:
            old = find_token(transaction.connection, token_id, hold=True)
            revoked = revoke(old, transaction.now, reason)
            if revoked != old:
                _save(transaction, old, revoked, Action.ADMIN_REVOKED)
            return revoked

    def show(self, token_id: str) -> AdminToken:
        with self._database.read() as connection:
            return find_token(connection, token_id)

    def find(self, tenant: str, limit: int, cursor: str = "") -> AdminTokenPage:
        """At most `limit` (1 to 500) tokens, of one tenant or (empty) all, newest first; InvalidError."""
        fields.check_search(limit, tenant=tenant)
        with self._database.read() as connection:
            return find_tokens(connection, tenant, limit, cursor)

    def owner_exists(self) -> bool:
        """Whether anybody has a token that may do everything."""
        with self._database.read() as connection:
            return has_owner(connection, self.clock())

    def identify(self, secret: str) -> Identity | None:
        """Whose token this text is; None when it is nobody's, or expired or revoked."""
        if token_format.key_id_of(secret) is None or token_format.prefix_of(secret) != PREFIX:
            return None
        now = self.clock()
        with self._database.read() as connection:
            token = token_of(connection, secret, self._peppers)
        if token is None or token.state(now) is not TokenState.ACTIVE:
            return None
        if token.last_used_at is None or token.last_used_at < now - _MINUTE:
            with suppress(UnavailableError):  # the request itself may need no writing
                self._note_use(token.id, now)
        return token.identity

    def _note_use(self, token_id: str, now: int) -> None:
        used = admin_tokens.c.last_used_at
        with self._database.write() as connection:
            connection.execute(
                update(admin_tokens)
                .where(admin_tokens.c.id == token_id, or_(used.is_(None), used < now))
                .values(last_used_at=now)
            )

    def _begin(self, actor: str) -> AbstractContextManager[Transaction]:
        return begin(self._database, actor, self.clock, self._metrics)

    def _issue(self, transaction: Transaction, new: NewAdminToken, old_id: str | None = None) -> IssuedAdminToken:
        made = token_format.generate(PREFIX)
        secret, pepper = str(made), self._peppers[0]
        token = AdminToken(
            id=made.key_id,
            pepper_id=pepper.id,
            name=new.name,
            role=new.role,
            tenant=new.tenant,
            created_by=transaction.actor,
            created_at=transaction.now,
            expires_at=new.expires_at,
            rotated_from=old_id,
        )
        row = columns_of(token)
        transaction.connection.execute(insert(admin_tokens).values(**row, digest=pepper.digest(secret)))
        transaction.record(_target(token), {}, row, Action.ADMIN_CREATED)
        return IssuedAdminToken(token, secret)


def _save(transaction: Transaction, old: AdminToken, new: AdminToken, action: Action) -> None:
    row = columns_of(new)
    transaction.connection.execute(update(admin_tokens).where(admin_tokens.c.id == new.id).values(**row))
    transaction.record(_target(new), columns_of(old), row, action)


def _target(token: AdminToken) -> Target:
    return Target(KIND, token.id, token.tenant)
