"""Settings come from the environment; what is wrong with them is explained without any of their values."""

from pathlib import Path

import pytest

from libs.common.runtime.errors import StartupError
from libs.common.runtime.settings import Settings

GOOD = {
    "HATCHERY_MONGO_URI": "mongodb://u:hunter2@localhost/",
    "HATCHERY_NATS_URL": "nats://u:hunter2@localhost",
    "HATCHERY_JWKS": "hunter2.json",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The settings that a service needs, and no others."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"HATCHERY_{name.upper()}", raising=False)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


class LibrarySettings(Settings):
    """What a service of its own adds."""

    books: int = 3
    catalogue: Path


def explain(kind: type[Settings] = Settings) -> str:
    """Return the explanation of what is wrong."""
    with pytest.raises(StartupError) as caught:
        kind()
    text = str(caught.value)
    assert "hunter2" not in text
    assert caught.value.__cause__ is None
    return text


def test_few_settings_are_needed(environment: pytest.MonkeyPatch) -> None:
    """Three settings are enough; the others have safe defaults, and variables that are not ours are ignored."""
    environment.setenv("HATCHERY_UNKNOWN", "1")
    settings = Settings()
    assert (settings.listen, settings.lease_seconds, settings.tls_cert) == ("127.0.0.1:0", 5, None)
    assert settings.mongo_uri.get_secret_value() == GOOD["HATCHERY_MONGO_URI"]
    assert "hunter2@localhost/" not in repr(settings)


@pytest.mark.parametrize("name", GOOD)
def test_a_missing_setting_is_named(environment: pytest.MonkeyPatch, name: str) -> None:
    """A missing setting is named as its variable, without the values of the others."""
    environment.delenv(name)
    assert explain() == f"{name}: Field required"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HATCHERY_DEADLINE_SECONDS", "hunter2"),
        ("HATCHERY_DEADLINE_SECONDS", "0"),
        ("HATCHERY_MONGO_DRIVER", "hunter2"),
        ("HATCHERY_NATS_REPLICAS", "6"),
        ("HATCHERY_MAX_QUEUED", "-1"),
        ("HATCHERY_MAX_BATCH", "0"),
        ("HATCHERY_LOG_LEVEL", "hunter2"),
        ("HATCHERY_LEASE_SECONDS", "hunter2"),
        ("HATCHERY_SWEEP_SECONDS", "0"),
        ("HATCHERY_PROJECTION_WAIT_SECONDS", "-1"),
        ("HATCHERY_FACT_MAX_TRIES", "hunter2"),
        ("HATCHERY_FACT_BACKOFF_SECONDS", "0"),
    ],
)
def test_a_wrong_setting_is_explained(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    """A value that does not fit is explained in one line that names the variable and not the value."""
    environment.setenv(name, value)
    text = explain()
    assert text.startswith(f"{name}: ")
    assert "\n" not in text


def test_everything_wrong_is_explained_at_once(environment: pytest.MonkeyPatch) -> None:
    """Each wrong setting has a line."""
    environment.delenv("HATCHERY_JWKS")
    environment.setenv("HATCHERY_GRACE_SECONDS", "-1")
    lines = explain().splitlines()
    assert [line.partition(":")[0] for line in lines] == ["HATCHERY_JWKS", "HATCHERY_GRACE_SECONDS"]


def test_a_services_own_settings_are_explained_too(environment: pytest.MonkeyPatch) -> None:
    """A service's subclass explains its own variables and the shared ones alike, a line each, without values."""
    environment.setenv("HATCHERY_BOOKS", "hunter2")
    environment.delenv("HATCHERY_JWKS")
    lines = explain(LibrarySettings).splitlines()
    names = [line.partition(":")[0] for line in lines]
    assert names == ["HATCHERY_JWKS", "HATCHERY_BOOKS", "HATCHERY_CATALOGUE"]
    environment.setenv("HATCHERY_JWKS", "keys.json")
    environment.setenv("HATCHERY_BOOKS", "7")
    environment.setenv("HATCHERY_CATALOGUE", "/books")
    settings = LibrarySettings()
    assert (settings.books, settings.catalogue) == (7, Path("/books"))


@pytest.mark.parametrize("half", [("CERT",), ("KEY",), ("CLIENT_CA",), ("CLIENT_CA", "KEY"), ("CLIENT_CA", "CERT")])
def test_half_of_tls_is_refused(environment: pytest.MonkeyPatch, tmp_path: Path, half: tuple[str, ...]) -> None:
    """A certificate without a key, or an authority without both, would silently mean no TLS; it stops the start."""
    for part in half:
        environment.setenv(f"HATCHERY_TLS_{part}", str(tmp_path / "hunter2.pem"))
    assert explain().endswith("TLS needs both HATCHERY_TLS_CERT and HATCHERY_TLS_KEY")
