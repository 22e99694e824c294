"""A service's settings: environment variables with the prefix HATCHERY_."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from libs.common.runtime.errors import StartupError


class Settings(BaseSettings):
    """Each field is read from HATCHERY_<FIELD>. StartupError has a line for each invalid variable."""

    model_config = SettingsConfigDict(env_prefix="HATCHERY_", extra="ignore", hide_input_in_errors=True)

    listen: str = Field("127.0.0.1:0", description="host:port of the gRPC server; port 0 takes a free one")
    metrics_listen: str = Field("", description="host:port of the Prometheus page; empty: none")
    mongo_uri: SecretStr = Field(description="MongoDB connection string of a replica set")
    mongo_database: str = Field("", description="database; empty: hatchery_<service>")
    mongo_driver: Literal["motor", "pymongo"] = Field("motor", description="asynchronous MongoDB driver")
    nats_url: str = Field(description="nats://host:port, several separated by commas")
    nats_seed_file: Path | None = Field(None, description="file with the nkey seed of the service's NATS user")
    nats_replicas: int = Field(1, ge=1, le=5, description="copies of each fact that JetStream keeps")
    jwks: str = Field(description="the issuer's public keys (JWKS): path or URL")
    issuer: str = Field("hatchery-laptop", description="the only issuer whose tokens are accepted")
    audience: str = Field("hatchery", description="the audience that a token must have")
    profile: Path = Field(Path("profiles/jilin"), description="folder of the city's data")
    tls_cert: Path | None = Field(None, description="PEM certificate chain of the server; unset: no TLS")
    tls_key: Path | None = Field(None, description="PEM key of the server")
    tls_client_ca: Path | None = Field(None, description="PEM authority that client certificates must come from")
    otlp_endpoint: str = Field("", description="where to send traces (OTLP over gRPC); empty: nowhere")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="lowest level to log")
    deadline_seconds: float = Field(10.0, gt=0, description="for calls whose caller set no deadline")
    anonymous_calls_per_second: float = Field(20.0, gt=0, description="calls without a token, per address")
    connection_age_seconds: float = Field(300.0, gt=0, description="connections are closed after this, to spread load")
    max_queued: int = Field(4096, ge=1, description="commands that may wait; more are refused")
    max_batch: int = Field(256, ge=1, description="commands in one commit")
    projection_wait_seconds: float = Field(2.0, ge=0, description="wait for a projection that has not arrived")
    fact_max_tries: int = Field(5, ge=1, description="tries before a fact is parked")
    fact_backoff_seconds: float = Field(1.0, gt=0, description="pause before a fact is tried again, doubled each time")
    lease_seconds: float = Field(5.0, gt=0, description="how long a silent relay keeps its lease")
    sweep_seconds: float = Field(1.0, gt=0, description="interval at which due timers are searched for")
    grace_seconds: float = Field(10.0, ge=0, description="time for calls in progress when the service stops")

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise StartupError(_explain(error)) from None

    @model_validator(mode="after")
    def _ensure_tls_pair(self) -> Self:
        """Refuse half of the TLS settings, which would silently mean no TLS."""
        if (self.tls_cert is None) != (self.tls_key is None) or (self.tls_client_ca and not self.tls_cert):
            raise ValueError("TLS needs both HATCHERY_TLS_CERT and HATCHERY_TLS_KEY")
        return self


def _explain(error: ValidationError) -> str:
    """Return a line for each invalid variable, without any of the values."""
    lines = []
    for found in error.errors(include_input=False):
        name = "HATCHERY_" + "_".join(map(str, found["loc"])).upper() if found["loc"] else "settings"
        lines.append(f"{name}: {found['msg']}")
    return "\n".join(lines)
