"""The one place where an exception becomes a gRPC status with machine-readable details."""

import os
from collections.abc import Callable
from types import MappingProxyType

import structlog
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode

from libs.common.domain import errors

log = structlog.get_logger()

DOMAIN = "hatchery"
DETAILS = "grpc-status-details-bin"

#: Converts an exception to a refusal; None for an unexpected exception.
AsRefusal = Callable[[BaseException], errors.Refusal | None]

_CODES = MappingProxyType(
    {
        errors.Invalid: StatusCode.INVALID_ARGUMENT,
        errors.NotFound: StatusCode.NOT_FOUND,
        errors.Taken: StatusCode.ALREADY_EXISTS,
        errors.Precondition: StatusCode.FAILED_PRECONDITION,
        errors.Stale: StatusCode.ABORTED,
        errors.Denied: StatusCode.PERMISSION_DENIED,
        errors.Unauthenticated: StatusCode.UNAUTHENTICATED,
        errors.Exhausted: StatusCode.RESOURCE_EXHAUSTED,
        errors.Unavailable: StatusCode.UNAVAILABLE,
        errors.TooLate: StatusCode.DEADLINE_EXCEEDED,
    }
)


def as_refusal(error: BaseException) -> errors.Refusal | None:
    """Return the refusal that an exception is or stands for; None for an unexpected exception."""
    if isinstance(error, errors.Refusal):
        return error
    if isinstance(error, TimeoutError):
        return errors.TooLate("DEADLINE_EXCEEDED", "the deadline passed")
    return None


def grpc_status(error: BaseException, method: str, convert: AsRefusal) -> tuple[StatusCode, str, bytes]:
    """Return code, message and serialized google.rpc.Status for an exception.

    An unexpected exception becomes INTERNAL with a log reference and none of its text.
    """
    refusal = convert(error)
    if refusal is None:
        reference = os.urandom(6).hex()
        log.error("call_failed", method=method, reference=reference, exc_info=error)
        info = ErrorInfo(reason="INTERNAL", domain=DOMAIN, metadata={"reference": reference})
        return _pack(StatusCode.INTERNAL, f"internal error, log reference {reference}", [info])
    code = next(code for kind, code in _CODES.items() if isinstance(refusal, kind))
    details: list[Message] = [ErrorInfo(reason=refusal.reason, domain=DOMAIN, metadata=refusal.metadata)]
    if isinstance(refusal, errors.Invalid):
        details.append(_bad_request(refusal))
    if refusal.retry_after is not None:
        delay = Duration()
        delay.FromMilliseconds(int(refusal.retry_after * 1000))
        details.append(RetryInfo(retry_delay=delay))
    return _pack(code, refusal.message, details)


def _bad_request(refusal: errors.Invalid) -> BadRequest:
    found = [
        BadRequest.FieldViolation(field=violation.field, reason=violation.reason, description=violation.description)
        for violation in refusal.violations
    ]
    return BadRequest(field_violations=found)


def _pack(code: StatusCode, message: str, details: list[Message]) -> tuple[StatusCode, str, bytes]:
    status = Status(code=code.value[0], message=message)
    for detail in details:
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    return code, message, status.SerializeToString()
