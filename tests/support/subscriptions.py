"""What a service subscribes to, without running it."""

from importlib import import_module
from typing import Any, get_type_hints

from libs.common.messaging.subscription import Subscriptions


def subscriptions_of(service: str) -> Subscriptions:
    """Return the subscriptions of a service to each source. Their methods are not bound to anything."""
    subscribe: Any = import_module(f"services.{service}.subscriptions").subscriptions
    classes = {name: kind for name, kind in get_type_hints(subscribe).items() if name != "return"}
    subscriptions: Subscriptions = subscribe(**classes)
    return subscriptions
