"""Errors leave as a status that a program can read, and reveal nothing that they should not."""

import json

import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode
from pymongo.errors import AutoReconnect, OperationFailure

from libs.common.domain import errors
from libs.common.domain.errors import Invalid, Refusal, Violation
from libs.common.rpc.grpc_status import grpc_status
from libs.common.store.database import as_refusal

KINDS = [
    (errors.NotFound, StatusCode.NOT_FOUND),
    (errors.Taken, StatusCode.ALREADY_EXISTS),
    (errors.Precondition, StatusCode.FAILED_PRECONDITION),
    (errors.Stale, StatusCode.ABORTED),
    (errors.Denied, StatusCode.PERMISSION_DENIED),
    (errors.Unauthenticated, StatusCode.UNAUTHENTICATED),
    (errors.Exhausted, StatusCode.RESOURCE_EXHAUSTED),
    (errors.Unavailable, StatusCode.UNAVAILABLE),
    (errors.TooLate, StatusCode.DEADLINE_EXCEEDED),
]


class Read:
    """A status as a caller reads it."""

    def __init__(self, error: BaseException) -> None:
        self.code, self.message, self.packed = grpc_status(error, "test.Method", as_refusal)
        status = Status.FromString(self.packed)
        assert (status.code, status.message) == (self.code.value[0], self.message)
        self.info, self.bad_request, self.retry = ErrorInfo(), BadRequest(), RetryInfo()
        self.kinds = [detail.TypeName() for detail in status.details]
        for detail in status.details:
            assert any(detail.Unpack(known) for known in (self.info, self.bad_request, self.retry))


@pytest.mark.parametrize(("kind", "code"), KINDS, ids=lambda value: getattr(value, "__name__", ""))
def test_every_kind_has_a_code(kind: type[Refusal], code: StatusCode) -> None:
    """Each kind of refusal has one code, and carries its reason, its metadata and when to retry."""
    read = Read(kind("SOME_REASON", "in words", retry_after=1.5, name="spaces/1", desks=3))
    assert (read.code, read.message) == (code, "in words")
    assert (read.info.reason, read.info.domain) == ("SOME_REASON", "hatchery")
    assert dict(read.info.metadata) == {"name": "spaces/1", "desks": "3"}
    assert read.retry.retry_delay.ToMilliseconds() == 1500


def test_every_kind_is_tested() -> None:
    """The table above has every kind of refusal."""
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Refusal)}
    assert kinds - {Refusal, Invalid} == {kind for kind, _ in KINDS}


def test_a_subclass_has_the_code_of_its_kind() -> None:
    """A refusal that refines a kind has that kind's code."""

    class Missing(errors.NotFound):
        """A refinement."""

    assert Read(Missing("SOME_REASON", "in words")).code is StatusCode.NOT_FOUND


def test_without_a_retry_time_there_is_no_retry_info() -> None:
    """A refusal where waiting does not help carries no RetryInfo."""
    assert Read(errors.Taken("SOME_REASON", "in words")).kinds == ["google.rpc.ErrorInfo"]


def test_wrong_fields_are_named() -> None:
    """Bad input names each wrong field by its path, with its own reason and description."""
    read = Read(Invalid(Violation("space.desks", "OUT_OF_RANGE", "no"), Violation("names[3]", "MALFORMED", "why")))
    assert (read.code, read.info.reason) == (StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    found = [(wrong.field, wrong.reason, wrong.description) for wrong in read.bad_request.field_violations]
    assert found == [("space.desks", "OUT_OF_RANGE", "no"), ("names[3]", "MALFORMED", "why")]


def test_a_status_fits_into_its_trailer() -> None:
    """However many fields are wrong, the status stays below 8 KiB."""
    read = Read(Invalid(*(Violation(f"names[{place}]", "MALFORMED", "x" * 100) for place in range(500))))
    assert len(read.bad_request.field_violations) == errors.MAX_VIOLATIONS
    assert len(read.packed) + len(read.message) < 8192


def test_an_unforeseen_error_leaks_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """An unforeseen error is INTERNAL with a reference to its log line, and none of its text."""
    read = Read(RuntimeError("mongodb://u:hunter2@host/ 13800000000"))
    assert (read.code, read.info.reason) == (StatusCode.INTERNAL, "INTERNAL")
    for secret in (b"hunter2", b"1380000", b"RuntimeError"):
        assert secret not in read.packed
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert line["reference"] == read.info.metadata["reference"]
    assert line["reference"] in read.message
    assert (line["event"], line["method"]) == ("call_failed", "test.Method")


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (TimeoutError(), StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"),
        (AutoReconnect("host:27017 closed"), StatusCode.UNAVAILABLE, "DATABASE_UNREACHABLE"),
        (OperationFailure("not primary", 10107), StatusCode.UNAVAILABLE, "DATABASE_UNREACHABLE"),
        (OperationFailure("no such command", 59), StatusCode.INTERNAL, "INTERNAL"),
    ],
    ids=lambda value: str(getattr(value, "args", value)),
)
def test_late_and_unreachable_are_foreseen(error: Exception, code: StatusCode, reason: str) -> None:
    """A deadline that passed and a database that cannot be reached have reasons of their own, in our words."""
    read = Read(error)
    assert (read.code, read.info.reason) == (code, reason)
    assert "27017" not in read.message
