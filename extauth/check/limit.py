"""Which buckets a request draws on."""

from functools import partial

from extauth.check.caller import NOBODY, Caller
from extauth.check.client_address import address_reader
from extauth.check.limit_conditions import Conditions, safe
from extauth.check.limit_draws import CallerLimit, Draws
from extauth.check.limit_terms import Terms, UncountableLimitError, is_leased, shape_of, terms_for, terms_of
from extauth.policy.limits import Limit
from extauth.policy.schema import Api
from extauth.store.draw import Draw
from extauth.store.names import Names

__all__ = ["Limiter", "UncountableLimitError", "is_leased", "shape_of"]


_BY_CALLER = frozenset({"key", "tenant", "plan"})


class Limiter:
    """The limits of one API."""

    def __init__(self, api: Api, names: Names) -> None:
        address_of = address_reader(api.client_address)
        self._api = api.name
        self._names = names
        self._limits = [(limit, terms_of(limit), Conditions(limit, address_of)) for limit in api.limits]

    def draw(self, caller: Caller) -> Draw | Draws:
        """What requests of this caller take, in the order of the file: all the same, or each by what it says.

        Raises UncountableLimitError.
        """
        draws = Draws([self._of(caller, *limit) for limit in self._limits])
        return draws.constant or draws

    def draw_of_nobody(self) -> Draw | Draws:
        """What requests take of which the caller is not known: where a limit counts by callers, nothing."""
        limits = [limit for limit in self._limits if _BY_CALLER.isdisjoint(limit[1].by)]
        draws = Draws([self._of(NOBODY, *limit) for limit in limits])
        return draws.constant or draws

    def _of(self, caller: Caller, limit: Limit, terms: Terms, conditions: Conditions) -> CallerLimit:
        if caller.limits:
            terms = terms_for(limit, caller.limits)
        tenant = None if terms.by.isdisjoint({"key", "tenant"}) else caller.bucket_tenant
        subject = caller.bucket if "key" in terms.by else ""
        if "plan" in terms.by:
            subject += f":plan={safe(caller.plan)}"
        return CallerLimit(
            limit.name, terms, conditions, partial(self._names.bucket, tenant, self._api, limit.name, subject)
        )
