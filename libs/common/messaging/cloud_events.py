"""Facts as CloudEvents in binary mode: attributes in headers, the protobuf message as the body."""

from collections.abc import Mapping
from datetime import UTC, datetime

from libs.common.store.transaction import Document


def write_headers(source: str, entry: Document, index: int) -> dict[str, str]:
    """Return the headers of a journal entry's fact. The id is the same whenever it is published."""
    fact = entry["facts"][index]
    identifier = f"{entry['_id']}.{index}"
    headers = {
        "Nats-Msg-Id": identifier,
        "ce-specversion": "1.0",
        "ce-id": identifier,
        "ce-source": f"/{source}",
        "ce-type": fact["type"],
        "ce-subject": fact["subject"],
        "ce-time": entry["at"].isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "ce-sequence": str(fact["sequence"]),
        "content-type": "application/protobuf",
    }
    if entry.get("traceparent"):
        headers["traceparent"] = entry["traceparent"]
    return headers


def read_sequence(headers: Mapping[str, str]) -> int:
    """Return the entity's version that a fact describes. ValueError when the header is not such a number."""
    sequence = int(headers["ce-sequence"])
    if not 0 < sequence < 1 << 63:
        raise ValueError(f"ce-sequence {sequence} is not a version")
    return sequence


def read_time(headers: Mapping[str, str]) -> datetime:
    """Return the instant at which the fact was committed."""
    return datetime.fromisoformat(headers["ce-time"]).astimezone(UTC)
