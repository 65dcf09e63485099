"""What all routes have in common."""

from fastapi import APIRouter, Depends
from fastapi.security import HTTPBearer

from extauth.registry.rest.problems import RESPONSES

ACTOR = "admin-token"
"""Whoever holds the token; a header that names somebody would be only a claim."""


def router_for(prefix: str, tag: str) -> APIRouter:
    """A router below `prefix`. The guard has checked the token by then; the scheme stands here for OpenAPI."""
    return APIRouter(
        prefix=prefix, tags=[tag], responses=RESPONSES, dependencies=[Depends(HTTPBearer(auto_error=False))]
    )
