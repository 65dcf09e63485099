"""Who signed a report: ECDSA over P-256 with SHA-256, by a key that is pinned, or read from where GitHub publishes it.

A report may be anybody's until its signature is verified. So strangers can make the registry read the keys only now and
then, however many unknown keys they name.
"""

import base64
import binascii
import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from extauth.bearer.errors import IssuerUnavailableError
from extauth.registry.errors import UnavailableError
from extauth.telemetry.logs import logger

_log = logger(__name__)
PublicKeys = Mapping[str, EllipticCurvePublicKey]
MAX_KEYS = 64
_FRESH = 3600.0  # seconds
_BELIEVED = 86400.0  # seconds, while newer ones cannot be read
_BETWEEN_READS = 300.0  # seconds; GitHub answers a stranger 60 times an hour
_NEVER = float("-inf")


class Exchange(Protocol):
    """How keys are read, see bearer/http_client.py."""

    def exchange(self, method: str, headers: Mapping[str, str], body: bytes | None = None) -> bytes: ...

    def close(self) -> None: ...


def public_key(pem: str) -> EllipticCurvePublicKey | None:
    """None for anything but the public key of a P-256 pair."""
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm, UnicodeEncodeError):
        return None
    return key if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1) else None


class PinnedKeys:
    """Keys from the settings."""

    def __init__(self, keys: PublicKeys) -> None:
        self._keys = keys

    def find(self, key_id: str) -> EllipticCurvePublicKey | None:
        return self._keys.get(key_id)


class PublishedKeys:
    """Keys from a URL: read when a report names one, once an hour, and every five minutes at most for one not known."""

    def __init__(self, client: Exchange, timeout: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._timeout = timeout
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: PublicKeys = {}
        self._read_at = _NEVER
        self._tried_at = _NEVER

    def find(self, key_id: str) -> EllipticCurvePublicKey | None:
        """None when GitHub has no such key; UnavailableError when that cannot be known now."""
        if not self._lock.acquire(timeout=self._timeout):
            raise _unreadable()
        try:
            now = self._clock()
            is_due = key_id not in self._keys or now - self._read_at >= _FRESH
            are_new = is_due and now - self._tried_at >= _BETWEEN_READS and self._read(now)
            found = self._keys.get(key_id) if now - self._read_at < _BELIEVED else None
            if found is None and not are_new:
                raise _unreadable()
            return found
        finally:
            self._lock.release()

    def _read(self, now: float) -> bool:
        """Whether keys could be read."""
        self._tried_at = now
        try:
            document = self._client.exchange("GET", {"accept": "application/json", "user-agent": "extauth"})
        except IssuerUnavailableError as error:
            _log.warning("keys_of_reporter_not_read", error=str(error))
            return False
        finally:
            self._client.close()  # the next time is far off
        keys = _parse(document)
        if not keys:
            _log.warning("keys_of_reporter_not_read", error="the document has no key that can be used")
            return False
        self._keys, self._read_at = keys, now
        return True


class Signatures(Protocol):
    """Where the keys of a reporter are found."""

    def find(self, key_id: str) -> EllipticCurvePublicKey | None: ...


def is_signed(body: bytes, key_id: str, signature: str, keys: Signatures) -> bool:
    """Whether this is the signature (base64 of ASN.1) of the body by one of the keys; UnavailableError."""
    try:
        decoded = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    key = keys.find(key_id) if decoded else None
    if key is None:
        return False
    try:
        key.verify(decoded, body, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def _parse(document: bytes) -> PublicKeys:
    """The keys that can be used of `{"public_keys": [{"key_identifier": ..., "key": PEM}, ...]}`."""
    try:
        listed = json.loads(document)["public_keys"]
        named = [(item["key_identifier"], public_key(item["key"])) for item in listed[:MAX_KEYS]]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}
    return {key_id: key for key_id, key in named if isinstance(key_id, str) and key is not None}


def _unreadable() -> UnavailableError:
    return UnavailableError("the keys of the reporter cannot be read now: try again")
