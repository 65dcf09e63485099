"""The keys of an issuer, ready to verify with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

VerifySignature = Callable[[str, bytes, bytes], bool]
"""Algorithm, signed bytes, signature -> whether the signature is the key's. Never raises."""


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key or shared secret. `key_id` is its `kid`, None for a key that has no name."""

    key_id: str | None
    algorithms: frozenset[str]
    """Those that fit its type, and its curve, and what it was made for."""
    verify: VerifySignature


class KeySet:
    """Some keys at one moment. A new document makes a new KeySet, so identity tells whether anything changed."""

    __slots__ = ("_by_id", "_nameless", "keys")

    def __init__(self, keys: Sequence[VerificationKey]) -> None:
        self.keys = tuple(keys)
        self._nameless = tuple(key for key in keys if key.key_id is None)
        ids = {key.key_id for key in keys if key.key_id is not None}
        self._by_id = {one: tuple(key for key in keys if key.key_id == one) + self._nameless for one in ids}

    def named(self, key_id: str | None) -> tuple[VerificationKey, ...]:
        """The keys that a token's `kid` may mean: a key without a name may be any, and so may each for no `kid`."""
        return self.keys if key_id is None else self._by_id.get(key_id, self._nameless)
