"""Page tokens: they carry a position, and anything that is not one of ours is refused."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.domain.errors import Invalid
from libs.common.rpc.page_tokens import Position, read_token, write_token

QUERY, OTHER = b"fingerprint", b"another"
INSTANTS = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - aware by `timezones`


@given(st.one_of(st.text(max_size=200), INSTANTS), st.text(max_size=60))
def test_a_position_survives(value: str | datetime, name: str) -> None:
    """A position is read back as it was written, to the millisecond, from text that fits into a URL."""
    token = write_token(Position(value, name), QUERY)
    read = read_token(token, QUERY)
    assert read.name == name
    if isinstance(value, datetime):
        assert isinstance(read.value, datetime)
        assert timedelta(0) <= value - read.value < timedelta(milliseconds=1)
    else:
        assert read.value == value
    assert token.replace("-", "").replace("_", "").isalnum()


def test_a_token_belongs_to_its_query() -> None:
    """A token of another query is refused."""
    with pytest.raises(Invalid):
        read_token(write_token(Position("a", "halls/1"), OTHER), QUERY)


def forge(*body: object) -> str:
    """Encode something that we would not write."""
    return base64.urlsafe_b64encode(json.dumps(body).encode()).decode().rstrip("=")


NO_NAMES: list[object] = [{"$ne": 1}, 7, None, []]
FORGED = [
    "x",
    "%%%",
    "AAAA",
    "好",
    "A" * 999,
    " " + write_token(Position("a", "halls/1"), QUERY),
    "W" * 1000,
    base64.urlsafe_b64encode(b"[" * 700).decode(),
    base64.urlsafe_b64encode(b"{}").decode(),
    forge(),
    forge(QUERY.hex(), "a"),
    forge(QUERY.hex(), "a", "halls/1", "more"),
    *(forge(QUERY.hex(), value, "halls/1") for value in ({"$gt": ""}, [1], None, True, 1.5, -1, 253_402_300_800_000)),
    *(forge(QUERY.hex(), "a", name) for name in NO_NAMES),
    *(forge(origin, "a", "halls/1") for origin in ("", None, 7, {"$ne": 1}, QUERY.hex().upper() + "0")),
]


@pytest.mark.parametrize("token", FORGED, ids=range(len(FORGED)))
def test_other_tokens_are_refused(token: str) -> None:
    """Text that is no token, or holds a query or another type in place of a value, is refused as malformed."""
    with pytest.raises(Invalid) as caught:
        read_token(token, QUERY)
    (violation,) = caught.value.violations
    assert (violation.field, violation.reason) == ("page_token", "MALFORMED")
