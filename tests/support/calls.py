"""Calls over a real channel, and what a refused call says."""

from collections.abc import Awaitable
from types import ModuleType
from typing import Any

import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode, aio


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """Return the metadata that carries a token."""
    return (("authorization", f"Bearer {token}"),)


class Api:
    """The methods of one gRPC service, each called with a token: `await api.GetSpace(request)`."""

    def __init__(self, channel: aio.Channel, stubs: ModuleType, service: str, token: str) -> None:
        self._stub = getattr(stubs, f"{service}Stub")(channel)
        self._token = token

    def __getattr__(self, method: str) -> Any:
        rpc = getattr(self._stub, method)

        async def call(request: Any, *, token: str | None = None, timeout: float = 10) -> Any:  # noqa: ASYNC109
            return await rpc(request, metadata=bearer(token or self._token), timeout=timeout)

        return call


class Refused:
    """A refused call: its code, its reason, and the wrong fields with their reasons."""

    def __init__(self, error: aio.AioRpcError) -> None:
        self.code: StatusCode = error.code()
        self.message = error.details() or ""
        self.reason, self.fields, self.metadata = "", {}, {}
        trailing = error.trailing_metadata() or ()
        packed: Any = next((value for key, value in trailing if key == "grpc-status-details-bin"), b"")
        for detail in Status.FromString(packed).details:
            info, bad_request = ErrorInfo(), BadRequest()
            if detail.Unpack(info):
                self.reason, self.metadata = info.reason, dict(info.metadata)
            if detail.Unpack(bad_request):
                self.fields = {violation.field: violation.reason for violation in bad_request.field_violations}


async def refused(call: Awaitable[object]) -> Refused:
    """Return the refusal of a call; fails when it succeeds."""
    with pytest.raises(aio.AioRpcError) as caught:
        await call
    return Refused(caught.value)
