"""TLS of the gRPC server, and certificates that callers must have."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from grpc import StatusCode, aio, ssl_channel_credentials

from libs.cli.issuer import Issuer
from libs.common.runtime.errors import StartupError
from tests.common.certificates import Authority
from tests.common.proto_source import stub
from tests.common.rpc.sample_server import new_server, new_settings, serving
from tests.common.sample_contract import HALL_SERVICE, halls


@asynccontextmanager
async def serving_tls(folder: Path, authority: Authority, *, mutual: bool) -> AsyncIterator[str]:
    """Run the sample service with TLS; yields its address."""
    certificate, key = authority.issue("server")
    settings: dict[str, Any] = {"tls_cert": certificate, "tls_key": key}
    if mutual:
        settings["tls_client_ca"] = authority.path
    async with serving(Issuer.open(folder / "issuer"), **settings) as sample:
        yield sample.address


async def is_answered(address: str, credentials: dict[str, bytes]) -> bool:
    """Whether a call is answered: over TLS with these credentials, without TLS if there are none."""
    secure = ssl_channel_credentials(**credentials) if credentials else None
    async with aio.secure_channel(address, secure) if secure else aio.insecure_channel(address) as channel:
        try:
            await stub(channel, HALL_SERVICE)["FindHall"](halls.ReadHallRequest(), timeout=3)
        except aio.AioRpcError as error:
            assert error.code() is StatusCode.UNAVAILABLE  # noqa: PT017 - any other code would be an answer
            return False
    return True


@pytest.mark.parametrize("mutual", [False, True], ids=["tls", "mtls"])
async def test_callers_need_tls(tmp_path: Path, mutual: bool) -> None:
    """With a certificate callers must use TLS; with an authority for callers, a certificate of that authority too."""
    authority = Authority(tmp_path)
    server_only = {"root_certificates": authority.path.read_bytes()}
    certificate, key = (path.read_bytes() for path in authority.issue("caller"))
    with_certificate = {**server_only, "private_key": key, "certificate_chain": certificate}
    async with serving_tls(tmp_path, authority, mutual=mutual) as address:
        assert await is_answered(address, with_certificate)
        assert await is_answered(address, server_only) is not mutual
        assert not await is_answered(address, {})


async def test_a_certificate_of_another_authority_is_refused(tmp_path: Path) -> None:
    """A caller whose certificate another authority issued is not answered."""
    authority = Authority(tmp_path)
    (other := tmp_path / "other").mkdir()
    certificate, key = (path.read_bytes() for path in Authority(other).issue("caller"))
    credentials = {
        "root_certificates": authority.path.read_bytes(),
        "private_key": key,
        "certificate_chain": certificate,
    }
    async with serving_tls(tmp_path, authority, mutual=True) as address:
        assert not await is_answered(address, credentials)


async def test_an_unreadable_certificate_stops_the_start(tmp_path: Path) -> None:
    """A file that is no certificate keeps a service from starting."""
    issuer = Issuer.open(tmp_path / "issuer")
    settings = new_settings(issuer, tls_cert=Path(__file__), tls_key=Path(__file__))
    with pytest.raises(StartupError, match="cannot listen on "):
        new_server(settings, object())
