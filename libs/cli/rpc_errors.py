"""Explains refused calls."""

from typing import cast

import grpc
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from grpc_status import rpc_status


def explain(error: grpc.RpcError, address: str) -> str:
    """Return lines for a person: code, message, reason with metadata, invalid fields, and when to retry."""
    code, message = error.code(), error.details() or ""
    info, bad, retry = details(error)
    if info is None and code in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}:
        return f"Nothing answers at {address} ({message}). `hatchery status` shows what is running."
    lines = [f"{code.name}: {message}"]
    if info is not None:
        lines += [f"  reason: {info.reason}"]
        lines += [f"  {key}: {value}" for key, value in sorted(info.metadata.items())]
    if bad is not None:
        lines += [f"  {each.field}: {each.description} ({each.reason})" for each in bad.field_violations]
    if retry is not None:
        lines += [f"  retry in {retry.retry_delay.ToTimedelta().total_seconds():g} s"]
    return "\n".join(lines)


def reasons(error: grpc.RpcError) -> set[str]:
    """Return the stable reasons of a refusal: that of the call and those of single fields."""
    info, bad, _ = details(error)
    fields = {violation.reason for violation in bad.field_violations} if bad else set()
    return fields | ({info.reason} if info else set())


def details(error: grpc.RpcError) -> tuple[ErrorInfo | None, BadRequest | None, RetryInfo | None]:
    """Return the details that Hatchery's services attach to a status."""
    info, bad, retry = ErrorInfo(), BadRequest(), RetryInfo()
    found = dict.fromkeys((ErrorInfo, BadRequest, RetryInfo), False)
    status = rpc_status.from_call(cast("grpc.Call", error))  # the errors that a client raises are calls too
    for packed in status.details if status else ():
        for detail in (info, bad, retry):
            found[type(detail)] |= packed.Unpack(detail)
    return (
        info if found[ErrorInfo] else None,
        bad if found[BadRequest] else None,
        retry if found[RetryInfo] else None,
    )
