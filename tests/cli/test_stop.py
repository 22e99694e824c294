"""The one way in which `hatchery up` waits and is stopped."""

import os
import signal
import socket
import time
from collections.abc import Iterator

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from libs.cli.stop import SIGNALS, Stop, StopRequested
from tests.cli.conftest import kept_signal_handlers


@pytest.fixture
def stop() -> Iterator[Stop]:
    """A request to stop that signals make, for the time of a test."""
    with kept_signal_handlers():
        made = Stop()
        made.listen()
        yield made


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_only_sets_a_flag(stop: Stop, number: signal.Signals) -> None:
    """Code that does not wait runs on, however many signals arrive; the next wait unwinds, and each one after it."""
    for _ in range(3):
        os.kill(os.getpid(), number)
    assert stop.requested
    for _ in range(2):
        with pytest.raises(StopRequested):
            stop.wait(10)


def test_a_wait_ends_soon_after_the_signal(stop: Stop) -> None:
    """A long wait is given up within a fraction of a second."""
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    began = time.monotonic()
    with pytest.raises(StopRequested):
        stop.wait_until(lambda: False, 30)
    assert time.monotonic() - began < 2


def test_waits_without_a_stop() -> None:
    """Without a signal a wait takes its time, and returns whether the condition held."""
    stop = Stop()
    began = time.monotonic()
    stop.wait(0.1)
    assert time.monotonic() - began >= 0.1
    assert stop.wait_until(lambda: True, 0)
    assert not stop.wait_until(lambda: False, 0.05)


def test_a_call_that_nobody_answers_is_cancelled(stop: Stop) -> None:
    """A stop does not wait for the reply of a server that hangs, and the channel closes normally."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with grpc.insecure_channel(f"127.0.0.1:{silent.getsockname()[1]}") as channel:
            check = health_pb2_grpc.HealthStub(channel).Check  # type: ignore[attr-defined]  # the stubs lack it
            call = check.future(health_pb2.HealthCheckRequest(), timeout=30)
            os.kill(os.getpid(), signal.SIGINT)
            with pytest.raises(StopRequested):
                stop.result(call)
        assert call.cancelled()


def test_nohup_is_respected() -> None:
    """A program started with nohup goes on when its terminal is closed, and can still be stopped otherwise."""
    with kept_signal_handlers():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        stop = Stop()
        stop.listen()
        os.kill(os.getpid(), signal.SIGHUP)
        assert not stop.requested
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.requested
