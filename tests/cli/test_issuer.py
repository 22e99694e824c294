"""The laptop's issuer: a private key that only its owner can read, and the JWKS with which services verify."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from libs.cli.issuer import Issuer


def test_only_the_owner_can_read_the_key(tmp_path: Path) -> None:
    """The private key's file is closed to others, and the JWKS has only the public half."""
    issuer = Issuer.open(tmp_path / "issuer")
    assert (tmp_path / "issuer" / "key.pem").stat().st_mode & 0o777 == 0o600
    (key,) = json.loads(issuer.jwks.read_text())["keys"]
    assert "d" not in key
    assert key["use"] == "sig"


def test_a_reopened_issuer_keeps_its_key(tmp_path: Path) -> None:
    """Tokens stay valid over a restart, because an issuer that is opened again has the same key."""
    first, second = Issuer.open(tmp_path), Issuer.open(tmp_path)
    assert first.kid == second.kid
    (key,) = jwt.PyJWKSet.from_json(second.jwks.read_text()).keys
    claims = jwt.decode(first.token("a", "mentor", ()), key, algorithms=["EdDSA"], audience="hatchery")
    assert claims["sub"] == "a"


def test_the_claims_of_a_token(tmp_path: Path) -> None:
    """A token has subject, role, scopes and issuer, and expires after its lifetime."""
    token = Issuer.open(tmp_path).token("a", "operator", ("spaces/1",), timedelta(minutes=5))
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["sub"] == "a"
    assert (claims["role"], claims["scopes"], claims["iss"]) == ("operator", ["spaces/1"], "hatchery-laptop")
    assert claims["exp"] - claims["iat"] == 300
    assert abs(claims["iat"] - datetime.now(UTC).timestamp()) < 30


def test_another_kind_of_key_is_refused(tmp_path: Path) -> None:
    """A key of another kind is refused at once, because no service would accept what it signs."""
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "key.pem").write_bytes(pem)
    with pytest.raises(TypeError, match="Ed25519"):
        Issuer.open(tmp_path)
