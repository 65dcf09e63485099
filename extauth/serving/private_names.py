"""All that completion_queue.py and call.py use of `grpc._cython.cygrpc`, of which grpcio promises nothing."""

from collections.abc import Mapping, Sequence

NAMES: Mapping[str, Sequence[str]] = {
    "Call": ("start_server_batch",),
    "CallDetails": ("deadline", "method"),
    "CompletionQueue": ("poll", "shutdown"),
    "CompletionType": ("queue_shutdown",),
    "BatchOperationEvent": ("batch_operations", "completion_type", "success", "tag"),
    "ConnectivityEvent": ("completion_type", "success", "tag"),
    "ReceiveCloseOnServerOperation": (),
    "ReceiveMessageOperation": ("message",),
    "RequestCallEvent": ("call", "call_details", "completion_type", "invocation_metadata", "success", "tag"),
    "SendInitialMetadataOperation": (),
    "SendMessageOperation": (),
    "SendStatusFromServerOperation": (),
    "Server": (
        "add_http2_port",
        "cancel_all_calls",
        "destroy",
        "register_completion_queue",
        "request_call",
        "shutdown",
        "start",
    ),
}
"""Each name of the module with those of its own members that are used."""


def missing(module: object) -> list[str]:
    """Those that this grpcio does not have."""
    return [
        dotted
        for name, members in NAMES.items()
        for dotted in (name, *(f"{name}.{member}" for member in members))
        if not _has(module, dotted)
    ]


def _has(found: object, dotted: str) -> bool:
    for name in dotted.split("."):
        if not hasattr(found, name):
            return False
        found = getattr(found, name)
    return True
