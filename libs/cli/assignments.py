"""Fields given by name on the command line: `space.desks=3 names=a names=b`."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from types import MappingProxyType
from typing import Any

from libs.cli.errors import CliError


def parse_assignments(pairs: Iterable[str], onto: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
    """Return `["space.desks=3", "names=a", "names=b"]` as `{"space": {"desks": "3"}, "names": ["a", "b"]}`.

    The fields replace those of the same name in `onto`, which itself is left unchanged.
    """
    tree: dict[str, Any] = deepcopy(dict(onto))
    assigned: set[str] = set()
    for pair in pairs:
        path, equals, value = pair.partition("=")
        if not equals or not path:
            raise CliError(f"{pair!r} is neither JSON nor field=value.")
        *parents, field = path.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
            if not isinstance(node, dict):
                raise CliError(f"{path} sets a part of {parent}, which already has a value as a whole.")
        if path in assigned:
            before = node[field]
            node[field] = [*(before if isinstance(before, list) else [before]), value]
        else:
            node[field] = value
        assigned.add(path)
    return tree
