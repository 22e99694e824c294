"""Page tokens: altered ones are refused, whatever was put into them, and those that were issued are accepted."""

import base64
import json

import pytest

from libs.common.domain.entity import PageQuery
from libs.common.domain.errors import Invalid
from libs.common.domain.sort_key import MAX_BYTES, sort_key
from libs.common.rpc.page_tokens import Position, read_token, write_token

FINGERPRINT = b"a query"


@pytest.mark.parametrize("body", [["\ud800", "halls/a"], ["Hall", "\udfff"], [0, "\ud800"]])
def test_text_that_no_document_holds_is_refused(body: list[object]) -> None:
    """A lone surrogate, which JSON can spell and MongoDB cannot take, makes a token MALFORMED."""
    altered = json.dumps([FINGERPRINT.hex(), *body]).encode()
    with pytest.raises(Invalid) as caught:
        read_token(base64.urlsafe_b64encode(altered).decode().rstrip("="), FINGERPRINT)
    assert caught.value.violations[0].reason == "MALFORMED"


@pytest.mark.parametrize("key", [sort_key("窗" * 120), sort_key('窗"' * 60), '"' * MAX_BYTES])
def test_a_query_takes_the_longest_token(key: str) -> None:
    """The token of a page that ends at the longest name is within the limit of a query."""
    position = Position(key, "spaces/" + "z" * 40)
    query = PageQuery(page_token=write_token(position, FINGERPRINT))
    assert read_token(query.page_token, FINGERPRINT) == position


def test_a_missing_value_survives_the_token() -> None:
    """A page may end at a document without the value that the list is sorted by."""
    position = Position(None, "halls/a")
    assert read_token(write_token(position, FINGERPRINT), FINGERPRINT) == position
