"""What a service said when it refused a call, in lines for a person."""

from typing import cast

import grpc
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from grpc_status import rpc_status


def explain(error: grpc.RpcError, address: str) -> str:
    """Code, message, reason with its metadata, the fields that are wrong, and when to try again."""
    code, message = error.code(), error.details() or ""
    info, bad, retry = details(error)
    if info is None and code in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}:
        return f"Nothing answers at {address} ({message}). `hatchery status` says what runs."
    lines = [f"{code.name}: {message}"]
    if info is not None:
        lines += [f"  reason: {info.reason}"]
        lines += [f"  {key}: {value}" for key, value in sorted(info.metadata.items())]
    if bad is not None:
        lines += [f"  {wrong.field}: {wrong.description}" for wrong in bad.field_violations]
    if retry is not None:
        lines += [f"  try again in {retry.retry_delay.ToTimedelta().total_seconds():g} s"]
    return "\n".join(lines)


def reason(error: grpc.RpcError) -> str:
    """The stable reason of a refusal; empty when it has none."""
    info = details(error)[0]
    return info.reason if info else ""


def details(error: grpc.RpcError) -> tuple[ErrorInfo | None, BadRequest | None, RetryInfo | None]:
    """The details that the house puts into a status."""
    info, bad, retry = ErrorInfo(), BadRequest(), RetryInfo()
    found = dict.fromkeys((ErrorInfo, BadRequest, RetryInfo), False)
    status = rpc_status.from_call(cast("grpc.Call", error))  # a client raises errors that are calls
    for packed in status.details if status else ():
        for detail in (info, bad, retry):
            found[type(detail)] |= packed.Unpack(detail)
    return (
        info if found[ErrorInfo] else None,
        bad if found[BadRequest] else None,
        retry if found[RetryInfo] else None,
    )
