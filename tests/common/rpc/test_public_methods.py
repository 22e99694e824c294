"""Methods that are granted to anyone: no token needed, and a limit on calls from one address."""

import pytest
from grpc import StatusCode
from structlog.testing import capture_logs

from libs.cli.issuer import Issuer
from libs.common.domain.errors import Exhausted
from libs.common.rpc import rate_limit
from libs.common.rpc.rate_limit import RateLimiter
from tests.common.rpc.sample_server import failure_of, serving
from tests.support.waiting import eventually


async def test_a_public_method_needs_no_token(issuer: Issuer) -> None:
    """A permission granted to anyone serves callers without a token; they are logged as `anyone`."""
    async with serving(issuer) as sample:
        with capture_logs() as lines:
            assert (await sample.call("FindHall", token="", name="halls/1")).name == "halls/1"
        assert [line["caller"] for line in lines if line["event"] == "call"] == ["anyone"]
        assert (await failure_of(sample.call("ReadHall", token=""))).code is StatusCode.UNAUTHENTICATED


async def test_anonymous_calls_are_limited(issuer: Issuer) -> None:
    """After the burst, calls without a token are RATE_LIMITED with a time to retry after, and served again later."""
    async with serving(issuer, anonymous_calls_per_second=3) as sample:
        for _ in range(3):
            await sample.call("FindHall", token="")
        failure = await failure_of(sample.call("FindHall", token=""))
        assert (failure.code, failure.reason) == (StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED")
        assert 0 < failure.retry_seconds <= 1 / 3

        async def served_again() -> bool:
            try:
                return bool(await sample.call("FindHall", token="", name="halls/1"))
            except Exception:  # noqa: BLE001 - refused again, which is waited out
                return False

        await eventually(served_again, 5)


async def test_a_caller_with_a_token_is_not_limited(issuer: Issuer) -> None:
    """A token of any role is enough not to be limited, whatever its address has used up."""
    async with serving(issuer, anonymous_calls_per_second=1) as sample:
        await sample.call("FindHall", token="")
        assert (await failure_of(sample.call("FindHall", token=""))).reason == "RATE_LIMITED"
        for role in ("admin", "judge", "mentor") * 5:
            assert (await sample.call("FindHall", token=sample.token(role, []), name="halls/1")).name == "halls/1"


async def test_a_wrong_token_is_not_anonymous(issuer: Issuer) -> None:
    """A token that is rejected is UNAUTHENTICATED at a public method too."""
    async with serving(issuer) as sample:
        failure = await failure_of(sample.call("FindHall", token="x.y.z"))
        assert (failure.code, failure.reason) == (StatusCode.UNAUTHENTICATED, "TOKEN_INVALID")


def allowed(limiter: RateLimiter, peer: str, calls: int) -> int:
    """Return how many of so many calls at once are allowed."""
    count = 0
    for _ in range(calls):
        try:
            limiter.check(peer)
        except Exhausted:
            continue
        count += 1
    return count


@pytest.mark.parametrize(("per_second", "burst"), [(5.0, 5), (1.0, 1), (0.5, 1)])
def test_a_burst_is_a_seconds_worth(per_second: float, burst: int) -> None:
    """At once an address may make the calls of one second, and at least one."""
    assert allowed(RateLimiter(per_second), "ipv4:10.0.0.1:5000", 20) == burst


def test_addresses_are_limited_apart() -> None:
    """Ports of one address share a limit; addresses, of either version, do not."""
    limiter = RateLimiter(2.0)
    assert allowed(limiter, "ipv4:10.0.0.1:5000", 3) == 2
    assert allowed(limiter, "ipv4:10.0.0.1:6000", 3) == 0
    assert allowed(limiter, "ipv4:10.0.0.2:5000", 3) == 2
    assert allowed(limiter, "ipv6:%5B::1%5D:5000", 3) == 2
    assert allowed(limiter, "ipv6:%5B::1%5D:6000", 3) == 0


def test_addresses_are_forgotten() -> None:
    """The address that was idle longest is forgotten first, so that their number is bounded."""
    limiter = RateLimiter(1.0)
    assert allowed(limiter, "ipv4:10.0.0.1:5000", 2) == 1
    for number in range(rate_limit.MAX_ADDRESSES - 1):
        limiter.check(f"ipv4:{number}:5000")
    assert allowed(limiter, "ipv4:10.0.0.1:5000", 1) == 0
    limiter.check("ipv4:another:5000")
    assert allowed(limiter, "ipv4:10.0.0.1:5000", 1) == 0
    assert allowed(limiter, "ipv4:0:5000", 1) == 1
