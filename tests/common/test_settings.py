"""A service is told by its environment, and says what is wrong there without telling what it was told."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from libs.common.settings import Settings, explain

GOOD = {
    "HATCHERY_MONGO_URI": "mongodb://u:hunter2@localhost/",
    "HATCHERY_NATS_URL": "nats://u:hunter2@localhost",
    "HATCHERY_JWKS": "hunter2.json",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """What a service is started with, and nothing of our own."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"HATCHERY_{name.upper()}", raising=False)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def explained() -> str:
    """What is said of the settings."""
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert "hunter2" not in str(caught.value)
    return explain(caught.value)


def test_a_service_needs_few_settings(environment: pytest.MonkeyPatch) -> None:
    """Three settings are enough; the rest has values that are safe, and a variable that is not ours is left alone."""
    environment.setenv("HATCHERY_UNKNOWN", "1")
    settings = Settings()
    assert (settings.listen, settings.lease.total_seconds(), settings.tls_cert) == ("127.0.0.1:0", 5, None)
    assert settings.mongo_uri.get_secret_value() == GOOD["HATCHERY_MONGO_URI"]
    assert "hunter2@localhost/" not in repr(settings)


@pytest.mark.parametrize("name", GOOD)
def test_a_missing_setting_is_named(environment: pytest.MonkeyPatch, name: str) -> None:
    """A setting that is missing is named as the variable that it is, without the values of the others."""
    environment.delenv(name)
    assert explained() == f"{name}: Field required"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HATCHERY_DEADLINE", "hunter2"),
        ("HATCHERY_DEADLINE", "0"),
        ("HATCHERY_MONGO_DRIVER", "hunter2"),
        ("HATCHERY_NATS_REPLICAS", "6"),
        ("HATCHERY_MOST_WAITING", "-1"),
        ("HATCHERY_LOG_LEVEL", "hunter2"),
        ("HATCHERY_LEASE", "hunter2"),
        ("HATCHERY_FACT_TRIES", "hunter2"),
    ],
)
def test_a_wrong_setting_is_explained_without_its_value(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    """A value that does not fit is explained in one line that names the variable and not the value."""
    environment.setenv(name, value)
    said = explained()
    assert said.startswith(f"{name}: ")
    assert "\n" not in said
    assert "hunter2" not in said


def test_all_that_is_wrong_is_said_at_once(environment: pytest.MonkeyPatch) -> None:
    """Each wrong setting has a line."""
    environment.delenv("HATCHERY_JWKS")
    environment.setenv("HATCHERY_GRACE", "-1")
    assert [line.partition(":")[0] for line in explained().splitlines()] == ["HATCHERY_JWKS", "HATCHERY_GRACE"]


@pytest.mark.parametrize("half", [("CERT",), ("KEY",), ("CLIENT_CA",), ("CLIENT_CA", "KEY"), ("CLIENT_CA", "CERT")])
def test_half_of_tls_is_refused(environment: pytest.MonkeyPatch, tmp_path: Path, half: tuple[str, ...]) -> None:
    """A certificate without a key, or an authority without both, would be no TLS, unnoticed; it stops the start."""
    for part in half:
        environment.setenv(f"HATCHERY_TLS_{part}", str(tmp_path / "hunter2.pem"))
    assert explained().endswith("TLS needs both HATCHERY_TLS_CERT and HATCHERY_TLS_KEY")
