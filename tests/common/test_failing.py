"""What went wrong leaves as a status that a program can read, and says nothing that it should not."""

import json

import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode
from pymongo.errors import AutoReconnect, OperationFailure

from libs.common import errors
from libs.common.errors import Invalid, Refusal, Violation
from libs.common.failing import status

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
        self.code, self.message, self.packed = status(error, "test.Method")
        whole = Status.FromString(self.packed)
        assert (whole.code, whole.message) == (self.code.value[0], self.message)
        self.info, self.bad, self.retry = ErrorInfo(), BadRequest(), RetryInfo()
        self.kinds = [detail.TypeName() for detail in whole.details]
        for detail in whole.details:
            assert any(detail.Unpack(known) for known in (self.info, self.bad, self.retry))


@pytest.mark.parametrize(("kind", "code"), KINDS, ids=lambda value: getattr(value, "__name__", ""))
def test_every_kind_has_a_code(kind: type[Refusal], code: StatusCode) -> None:
    """Each kind of refusal has one code, and bears its reason, its metadata and when to try again."""
    read = Read(kind("SOME_REASON", "in words", retry_after=1.5, name="spaces/1", desks=3))
    assert (read.code, read.message) == (code, "in words")
    assert (read.info.reason, read.info.domain) == ("SOME_REASON", "hatchery")
    assert dict(read.info.metadata) == {"name": "spaces/1", "desks": "3"}
    assert read.retry.retry_delay.ToMilliseconds() == 1500


def test_every_kind_is_tried() -> None:
    """The table above has every kind that there is."""
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Refusal)}
    assert kinds - {Refusal, Invalid} == {kind for kind, _ in KINDS}


def test_where_waiting_does_not_help_nothing_is_said_of_it() -> None:
    """A refusal without a time to wait bears no RetryInfo."""
    assert Read(errors.Taken("SOME_REASON", "in words")).kinds == ["google.rpc.ErrorInfo"]


def test_wrong_fields_are_named() -> None:
    """Bad input names each wrong field by its path, with its own reason."""
    read = Read(Invalid(Violation("space.desks", "OUT_OF_RANGE", "no"), Violation("names[3]", "MALFORMED", "no")))
    assert (read.code, read.info.reason) == (StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    found = [(wrong.field, wrong.reason) for wrong in read.bad.field_violations]
    assert found == [("space.desks", "OUT_OF_RANGE"), ("names[3]", "MALFORMED")]


def test_a_status_fits_into_its_trailer() -> None:
    """However many fields are wrong, the first twenty are named, and the status stays below 8 KiB."""
    read = Read(Invalid(*(Violation(f"names[{place}]", "MALFORMED", "x" * 100) for place in range(500))))
    assert [wrong.field for wrong in read.bad.field_violations] == [f"names[{place}]" for place in range(20)]
    assert len(read.packed) + len(read.message) < 8192


def test_the_unforeseen_leaks_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """What nobody foresaw is INTERNAL with the reference of a log line, and no word of what it said."""
    read = Read(RuntimeError("mongodb://u:hunter2@host/ 13800000000"))
    assert (read.code, read.info.reason) == (StatusCode.INTERNAL, "INTERNAL")
    assert b"hunter2" not in read.packed
    assert b"1380000" not in read.packed
    assert b"RuntimeError" not in read.packed
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert line["reference"] == read.info.metadata["reference"]
    assert line["reference"] in read.message
    assert line["method"] == "test.Method"


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
def test_servers_away_and_time_passed_are_foreseen(error: Exception, code: StatusCode, reason: str) -> None:
    """A deadline that passed and a database out of reach are told as such, in words of ours."""
    read = Read(error)
    assert (read.code, read.info.reason) == (code, reason)
    assert "27017" not in read.message
