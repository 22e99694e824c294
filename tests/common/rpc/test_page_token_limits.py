"""Page tokens: altered ones are refused, whatever was put into them, and those that were issued are accepted."""

import base64
import json
import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from libs.common.domain.entity import PageQuery
from libs.common.domain.errors import Invalid
from libs.common.domain.sort_key import sort_key
from libs.common.rpc.page_tokens import Position, read_token, write_token

FINGERPRINT = b"a query"


@pytest.mark.parametrize("body", [["\ud800", "halls/a"], ["Hall", "\udfff"], [0, "\ud800"]])
def test_text_that_no_document_holds_is_refused(body: list[object]) -> None:
    """A lone surrogate, which JSON can spell and MongoDB cannot take, makes a token MALFORMED."""
    altered = json.dumps([FINGERPRINT.hex(), *body]).encode()
    with pytest.raises(Invalid) as caught:
        read_token(base64.urlsafe_b64encode(altered).decode().rstrip("="), FINGERPRINT)
    assert caught.value.violations[0].reason == "MALFORMED"


@given(st.text(min_size=100, max_size=120, alphabet=st.characters(exclude_categories=["Cs"])))
@example("窗" * 120)
@example('窗"' * 60)
@example("".join(map(chr, range(0x4E00, 0x9FF0, 170)))[:120])
def test_a_query_takes_the_longest_token(title: str) -> None:
    """The token of a page that ends at the longest name is within the limit of a query."""
    position = Position(sort_key(title), f"spaces/{'0123456789abcdef' * 2}/tenancies/{'fedcba9876543210' * 2}")
    query = PageQuery(page_token=write_token(position, FINGERPRINT))
    assert read_token(query.page_token, FINGERPRINT) == position


def test_a_missing_value_survives_the_token() -> None:
    """A page may end at a document without the value that the list is sorted by."""
    position = Position(None, "halls/a")
    assert read_token(write_token(position, FINGERPRINT), FINGERPRINT) == position


@pytest.mark.parametrize("body", [b"[" * 500_000, b'["a","' + b"b" * 500_000, b"{}", b'["a", "b", "c"]'])
def test_a_compressed_token_is_bounded_and_checked(body: bytes) -> None:
    """A token that decompresses to something huge, or to anything but a position of the query, is MALFORMED."""
    with pytest.raises(Invalid) as caught:
        read_token(base64.urlsafe_b64encode(zlib.compress(body)).decode().rstrip("="), FINGERPRINT)
    assert caught.value.violations[0].reason == "MALFORMED"
