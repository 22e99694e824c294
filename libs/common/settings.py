"""What a running service can be told from outside: environment variables with the prefix HATCHERY_."""

from datetime import timedelta
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Each field is read from HATCHERY_<FIELD>; a value that does not fit stops the start."""

    model_config = SettingsConfigDict(env_prefix="HATCHERY_", extra="ignore", hide_input_in_errors=True)

    listen: str = Field("127.0.0.1:0", description="host:port of the gRPC server; port 0 takes a free one")
    metrics_listen: str = Field("", description="host:port of the Prometheus page; empty: none")
    mongo_uri: SecretStr = Field(description="MongoDB connection string of a replica set")
    mongo_database: str = Field("", description="database; empty: hatchery_<service>")
    mongo_driver: Literal["motor", "pymongo"] = Field("motor", description="which asynchronous driver to use")
    nats_url: str = Field(description="nats://host:port, several separated by commas")
    nats_seed_file: Path | None = Field(None, description="file with the nkey seed of the service's NATS user")
    nats_replicas: int = Field(1, ge=1, le=5, description="copies that JetStream keeps of the facts")
    jwks: str = Field(description="the issuer's public keys (JWKS): a file's path or a URL")
    issuer: str = Field("hatchery-laptop", description="the only issuer whose tokens count")
    audience: str = Field("hatchery", description="the audience that a token must be meant for")
    profile: Path = Field(Path("profiles/jilin"), description="folder of the city's data")
    tls_cert: Path | None = Field(None, description="PEM certificate chain of the server; unset: no TLS")
    tls_key: Path | None = Field(None, description="PEM key of the server")
    tls_client_ca: Path | None = Field(None, description="PEM authority that callers' certificates must be from")
    otlp_endpoint: str = Field("", description="where to send traces (OTLP over gRPC); empty: nowhere")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="what to log at the least")
    deadline: float = Field(10.0, gt=0, description="seconds for a call whose caller set no deadline")
    most_waiting: int = Field(4096, ge=1, description="commands that may wait; more are refused")
    most_together: int = Field(256, ge=1, description="commands that one commit may hold")
    card_wait: float = Field(2.0, ge=0, description="seconds to wait for a card that has not arrived")
    fact_tries: int = Field(5, ge=1, description="tries before a fact is parked")
    fact_backoff: float = Field(1.0, gt=0, description="seconds before a fact is tried again, doubled each time")
    lease: timedelta = Field(timedelta(seconds=5), description="how long a silent relay keeps its lease")
    sweep: float = Field(1.0, gt=0, description="seconds between looks for what is due")
    grace: float = Field(10.0, ge=0, description="seconds that calls under way have at a stop")

    @model_validator(mode="after")
    def _must_pair(self) -> Self:
        """Half of TLS would be none, unnoticed."""
        if (self.tls_cert is None) != (self.tls_key is None) or (self.tls_client_ca and not self.tls_cert):
            raise ValueError("TLS needs both HATCHERY_TLS_CERT and HATCHERY_TLS_KEY")
        return self


def explain(error: ValidationError) -> str:
    """What is wrong with the settings, a line for each variable, without any of their values."""
    lines = []
    for found in error.errors(include_input=False):
        name = "HATCHERY_" + "_".join(map(str, found["loc"])).upper() if found["loc"] else "settings"
        lines.append(f"{name}: {found['msg']}")
    return "\n".join(lines)
