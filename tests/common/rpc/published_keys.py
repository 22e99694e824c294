"""A place where an issuer publishes its keys: a file, and a page of a real HTTP server that can be closed."""

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from libs.cli.issuer import Issuer
from libs.common.rpc.identity import Keys, Verifier

Jwk = dict[str, Any]


class PublishedKeys:
    """The published keys. `reads` counts the requests; `status` is what the page answers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reads, self.status = 0, 200
        published = self

        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                published.reads += 1
                self.send_response(published.status)
                self.end_headers()
                self.wfile.write(published.path.read_bytes())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its parent's name
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        self.url = f"http://127.0.0.1:{self._server.server_port}/keys"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def publish(self, *issuers: Issuer, others: tuple[Jwk, ...] = ()) -> None:
        """Publish the keys of these issuers and no others."""
        keys = [*others, *(key for issuer in issuers for key in json.loads(issuer.jwks.read_text())["keys"])]
        self.path.write_text(json.dumps({"keys": keys}))

    def close(self) -> None:
        """Stop the HTTP server."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


def new_verifier(keys: Keys, **options: Any) -> Verifier:
    """Return what services verify tokens with."""
    return Verifier(keys, Issuer.name, Issuer.audience, **options)


def sign(issuer: Issuer, subject: str = "mei", **claims: Any) -> str:
    """Return an authorization header of the issuer."""
    complete = {"sub": subject, "role": "mentor", "exp": datetime.now(UTC) + timedelta(hours=1), **claims}
    return "Bearer " + issuer.sign(complete)
