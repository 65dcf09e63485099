"""The key that a page is about, if it is there for whoever asks."""

from extauth.registry.console.visit import Visit
from extauth.registry.errors import NotFoundError
from extauth.registry.key import Key
from extauth.registry.operations import KeyRegistry


def key_of(visit: Visit, registry: KeyRegistry) -> Key:
    """NotFoundError for a key of another tenant, as if it were not there."""
    key = registry.show(visit.request.path_params["key_id"])
    if not visit.identity.sees(key.tenant):
        raise NotFoundError
    return key
