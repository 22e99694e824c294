"""What a subscriber reads from the headers of a fact."""

from datetime import UTC, datetime

import pytest

from libs.common.messaging.cloud_events import read_sequence, read_time


@pytest.mark.parametrize(("given", "sequence"), [("1", 1), ("9223372036854775807", (1 << 63) - 1)])
def test_a_sequence_is_a_version(given: str, sequence: int) -> None:
    """Versions count from 1 and fit into 63 bits."""
    assert read_sequence({"ce-sequence": given}) == sequence


@pytest.mark.parametrize("given", ["0", "-1", "9223372036854775808", "many", "", "1.5"])
def test_other_sequences_are_refused(given: str) -> None:
    """Anything else is refused as no version."""
    with pytest.raises(ValueError):
        read_sequence({"ce-sequence": given})


@pytest.mark.parametrize("given", ["2026-11-24T04:00:00.000Z", "2026-11-24T12:00:00+08:00"])
def test_a_time_is_read_as_an_instant(given: str) -> None:
    """The time of a fact is an instant, whatever zone it is written in."""
    assert read_time({"ce-time": given}) == datetime(2026, 11, 24, 4, tzinfo=UTC)
