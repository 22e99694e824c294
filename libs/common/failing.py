"""The one place where what went wrong becomes a gRPC status with details that a program can read."""

import os
from types import MappingProxyType

import structlog
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode
from pymongo.errors import PyMongoError

from libs.common import errors
from libs.common.documents import out_of_reach

log = structlog.get_logger()

DOMAIN = "hatchery"
DETAILS = "grpc-status-details-bin"

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


def refusal(error: BaseException) -> errors.Refusal | None:
    """The refusal that an error is or amounts to; None for what nobody foresaw."""
    if isinstance(error, errors.Refusal):
        return error
    if isinstance(error, TimeoutError):
        return errors.TooLate("DEADLINE_EXCEEDED", "the deadline passed")
    if isinstance(error, PyMongoError) and out_of_reach(error):
        return errors.Unavailable("DATABASE_UNREACHABLE", "the database cannot be reached", retry_after=1.0)
    return None


def status(error: BaseException, method: str) -> tuple[StatusCode, str, bytes]:
    """Code, message and serialized google.rpc.Status for an error.

    What nobody foresaw leaves as INTERNAL with the reference of a log line, and no word of its text.
    """
    refused = refusal(error)
    if refused is None:
        reference = os.urandom(6).hex()
        log.error("call_failed", method=method, reference=reference, exc_info=error)
        info = ErrorInfo(reason="INTERNAL", domain=DOMAIN, metadata={"reference": reference})
        return _packed(StatusCode.INTERNAL, f"internal error, log reference {reference}", [info])
    code = next(code for kind, code in _CODES.items() if isinstance(refused, kind))
    details: list[Message] = [ErrorInfo(reason=refused.reason, domain=DOMAIN, metadata=refused.metadata)]
    if isinstance(refused, errors.Invalid):
        details.append(_bad_request(refused))
    if refused.retry_after is not None:
        delay = Duration()
        delay.FromMilliseconds(int(refused.retry_after * 1000))
        details.append(RetryInfo(retry_delay=delay))
    return _packed(code, refused.message, details)


def _bad_request(refused: errors.Invalid) -> BadRequest:
    found = [
        BadRequest.FieldViolation(field=wrong.field, reason=wrong.reason, description=wrong.description)
        for wrong in refused.violations
    ]
    return BadRequest(field_violations=found)


def _packed(code: StatusCode, message: str, details: list[Message]) -> tuple[StatusCode, str, bytes]:
    whole = Status(code=code.value[0], message=message)
    for detail in details:
        packed = AnyMessage()
        packed.Pack(detail)
        whole.details.append(packed)
    return code, message, whole.SerializeToString()
