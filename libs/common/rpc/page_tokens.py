"""Page tokens: where a page of a list ended, bound to the query it came from."""

import base64
import binascii
import json
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from libs.common.domain.errors import Invalid

#: The types of values that lists are sorted by. Documents written before a sort key was introduced have none.
SortValue = str | datetime | None
_EPOCH = datetime.fromtimestamp(0, UTC)
#: What a token holds in place of a missing value.
_MISSING: dict[str, object] = {}
#: Larger bodies are compressed, because a query takes tokens of at most 1000 characters.
_MAX_PLAIN_BYTES = 700
#: No body is larger; tokens that decompress to more are refused.
_MAX_BODY_BYTES = 4096
#: BSON and Python's datetime both hold these; anything beyond would fail in one of them.
_MAX_MILLISECONDS = 253_402_300_799_999


@dataclass(frozen=True, slots=True)
class Position:
    """The last row of a page: the value it is sorted by, and its name."""

    value: SortValue
    name: str


def write_token(position: Position, fingerprint: bytes) -> str:
    """Encode a position in the list that the fingerprint identifies."""
    value: object = _MISSING if position.value is None else position.value
    if isinstance(position.value, datetime):
        value = (position.value - _EPOCH) // timedelta(milliseconds=1)
    body = json.dumps([fingerprint.hex(), value, position.name], ensure_ascii=False, separators=(",", ":")).encode()
    packed = zlib.compress(body, 9) if len(body) > _MAX_PLAIN_BYTES else body
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def read_token(token: str, fingerprint: bytes) -> Position:
    """Decode a token. Invalid when it was not issued for this query."""
    try:
        packed = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
        plain = packed if packed.startswith(b"[") else zlib.decompressobj().decompress(packed, _MAX_BODY_BYTES)
        origin, value, name = json.loads(plain)
        if origin == fingerprint.hex() and type(name) is str:
            name.encode()  # ValueError for a lone surrogate, which JSON can spell and no document holds
            if type(value) is str:
                value.encode()
                return Position(value, name)
            if value == _MISSING:
                return Position(None, name)
            if type(value) is int and 0 <= value <= _MAX_MILLISECONDS:
                return Position(_EPOCH + timedelta(milliseconds=value), name)
    except (binascii.Error, zlib.error, ValueError, TypeError, RecursionError):
        pass
    raise Invalid.field("page_token", "MALFORMED", "not a page token of this query")
