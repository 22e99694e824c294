"""The Prometheus page. Each metric is defined in the module that observes it."""

from contextlib import ExitStack

from prometheus_client import start_http_server

from libs.common.runtime.errors import StartupError


def serve_metrics(listen: str, stack: ExitStack) -> None:
    """Serve the page on host:port until the stack closes. StartupError when the address cannot be used."""
    host, _, port = listen.rpartition(":")
    try:
        page, thread = start_http_server(int(port), host)
    except (OSError, ValueError, OverflowError) as error:
        raise StartupError(f"cannot serve metrics on {listen}: {error}") from error
    stack.callback(thread.join)
    stack.callback(page.shutdown)
