"""`python -m extauth.demo.upstream PORT`: an API that answers with what it was sent, as JSON."""

import json
import sys
from typing import Any

import uvicorn

_HOST = "127.0.0.1"


async def echo(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 (ASGI: three untyped arguments)
    """An ASGI application: method, path with query, headers as pairs in their order, length of the body in bytes."""
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    query = scope["query_string"].decode("latin-1")
    seen = {
        "method": scope["method"],
        "path": scope["raw_path"].decode("latin-1") + (f"?{query}" if query else ""),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
        "body_length": length,
    }
    body = (json.dumps(seen, indent=2) + "\n").encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    uvicorn.run(echo, host=_HOST, port=int(sys.argv[1]), lifespan="off", log_level="warning")
