"""The table of imports of keys. `migrations/` makes it, as those of `schema`."""

from sqlalchemy import BigInteger, Column, LargeBinary, String, Table

from extauth.registry.schema import metadata

key_imports = Table(
    "key_imports",
    metadata,
    Column("tenant", String(63), primary_key=True),
    Column("id", String(63), primary_key=True),
    Column("actor", String(100), nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
    Column("last_row", LargeBinary(32), nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)
"""How far each import has come: `position` rows of its file are done, of which so many were `created` or `refused`.

`tenant` is that of whoever imports, empty for all tenants. `last_row` is an HMAC of the last row that is done.
"""
