"""What keeps a publisher from publishing although both registry and Redis answer."""

from extauth.keys.record import Version


class DivergedError(Exception):
    """Redis was published from a history that is not the registry's: the database was restored from a backup, has
    failed over to a replica that lagged, or is another one. Nothing is published until a new epoch begins.
    """

    def __init__(self, published: Version, head: Version) -> None:
        super().__init__(
            f"Redis has revision {published.revision} of epoch {published.epoch}, and the registry, at revision "
            f"{head.revision} of epoch {head.epoch}, does not know it: after a restore run `extauth registry new-epoch`"
        )
