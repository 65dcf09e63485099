"""Where the keys of those who report leaks come from, by the settings."""

from extauth.bearer.http_client import HttpClient
from extauth.registry.leak_settings import GithubSettings
from extauth.registry.leak_signatures import PinnedKeys, PublishedKeys, Signatures, public_key


def signatures_of(settings: GithubSettings | None) -> Signatures | None:
    """None when nobody may report."""
    if settings is None:
        return None
    if settings.public_keys_url is not None:
        client = HttpClient(settings.public_keys_url, settings.timeout, ca_file=None)
        return PublishedKeys(client, settings.timeout)
    parsed = {one.id: public_key(one.pem) for one in settings.public_keys}
    return PinnedKeys({key_id: key for key_id, key in parsed.items() if key is not None})
