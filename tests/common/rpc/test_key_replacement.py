"""A key that is replaced under its old id."""

import json
from pathlib import Path

import pytest

from libs.cli.issuer import Issuer
from libs.common.domain.errors import Unauthenticated
from libs.common.rpc.identity import Keys
from tests.common.rpc.published_keys import new_verifier, sign


async def test_a_replaced_key_is_withdrawn_from_cached_tokens(tmp_path: Path) -> None:
    """When the issuer publishes another key under the same id, tokens of the old one are refused, cached ones too."""
    old, new = Issuer.open(tmp_path / "old"), Issuer.open(tmp_path / "new")
    published = tmp_path / "published.json"
    published.write_text(old.jwks.read_text())
    keys = Keys(str(published))
    verifier = new_verifier(keys)
    cached = sign(old)
    assert (await verifier.caller(cached)).subject == "mei"
    (key,) = json.loads(new.jwks.read_text())["keys"]
    published.write_text(json.dumps({"keys": [{**key, "kid": old.kid}]}))
    await keys.read()
    with pytest.raises(Unauthenticated):
        await verifier.caller(cached)
    with pytest.raises(Unauthenticated):
        await verifier.caller(sign(old, "li"))
    new.kid = old.kid
    assert (await verifier.caller(sign(new, "li"))).subject == "li"
