"""Remembers in the home folder on which day each demo entry was first sent, and which resource it created."""

import json
import os
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from libs.cli.dates import Today
from libs.cli.errors import CliError


class DemoRecord:
    """The entries that were sent.

    An entry is always sent with the day of its first sending. A repeat is then the same request byte for byte, which
    the services answer with their first reply.
    """

    def __init__(self, file: Path, today: Today) -> None:
        """Read the file. CliError when it cannot be used."""
        self._file = file
        self._today = today
        self._days: dict[str, date] = {}
        self.names: dict[str, str] = {}
        if file.exists():
            try:
                self._read()
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise CliError(f"{file} cannot be used: {error}. Remove it to seed as if for the first time.") from None

    def today(self, key: str) -> Today:
        """Return the day from which an entry's days count."""
        return Today(self._days.get(key, self._today.day), self._today.zone)

    def name(self, key: str) -> str:
        """Return the resource that an entry created; empty when that is not known."""
        return self.names.get(key, "")

    def begin(self, keys: Iterable[str]) -> None:
        """Store the day of entries that are about to be sent for the first time."""
        for key in keys:
            self._days.setdefault(key, self._today.day)
        self.save()

    def finish(self, key: str, name: str) -> None:
        """Note the resource that an entry created."""
        self.names[key] = name

    def forget(self, key: str) -> None:
        """Forget an entry that created nothing; its days will count from the next seeding."""
        self._days.pop(key, None)
        self.names.pop(key, None)

    def save(self) -> None:
        """Write the file, whole."""
        entries = {key: {"day": day.isoformat(), "name": self.name(key)} for key, day in sorted(self._days.items())}
        fresh = self._file.with_suffix(f".{os.getpid()}.new")  # `hatchery up` and `hatchery seed` may both write
        fresh.write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        fresh.replace(self._file)

    def _read(self) -> None:
        for key, entry in json.loads(self._file.read_text(encoding="utf-8")).items():
            self._days[key] = date.fromisoformat(entry["day"])
            if entry["name"]:
                self.names[key] = entry["name"]
