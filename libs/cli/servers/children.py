"""Child processes that end when they are told to, and leave nothing behind when we are killed."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from libs.cli.trouble import Trouble

LOG_LIMIT = 10_000_000  # bytes; a longer log makes way for a new one when its child starts
LINE_LIMIT = 300  # characters of a line of a log that a person is shown


class Child:
    """One program under our care: its pid, its log, its end.

    Where util-linux is at hand the child gets SIGTERM when the thread that started it ends,
    so start children from the main thread.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        env: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.log = log
        self.env = dict(env) if env is not None else None
        self.folder = folder
        self.pid_file = log.with_suffix(".pid")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the program; one that an earlier run of ours left behind is ended first."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        end_leftover(self.pid_file, self.command)
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".old.log"))
        guard = shutil.which("setpriv")
        command = [guard, "--pdeathsig", "TERM", *self.command] if guard else self.command
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # a session of its own: Ctrl-C is ours to pass on, in order
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.env,
                cwd=self.folder,
                start_new_session=True,
            )
        self.pid_file.write_text(f"{self.process.pid}\n", encoding="ascii")

    @property
    def pid(self) -> int:
        """The process id of the last start."""
        if self.process is None:
            raise RuntimeError(f"{self.name} was never started")
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Wait for a condition; Trouble with the log's end when the child dies first or takes too long."""
        deadline = time.monotonic() + seconds
        while True:
            running = self.running  # asked first: what it did just before its end counts
            if ready():
                return
            if not running:
                raise Trouble(f"{self.name} ended before it was ready.\n{self.last_words()}")
            if time.monotonic() > deadline:
                raise Trouble(f"{self.name} was not ready within {seconds:.0f} seconds.\n{self.last_words()}")
            time.sleep(0.01)

    @property
    def end(self) -> str:
        """How it ended, for a person."""
        code = self.process.poll() if self.process else None
        if code is None:
            return "it runs"
        return f"exit code {code}" if code >= 0 else signal.Signals(-code).name

    def ask_to_stop(self) -> None:
        """Ask it to end (SIGTERM), and wait for nothing."""
        if self.process is not None and self.running:
            self.process.terminate()

    def stop(self, grace: float = 15.0) -> None:
        """Ask it to end (SIGTERM), and kill it when it has not done so within the grace."""
        if self.process is None:
            return
        self.ask_to_stop()
        try:
            self.process.wait(grace)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.pid_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """End it at once, as a crash would (SIGKILL)."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.pid_file.unlink(missing_ok=True)

    def last_words(self, lines: int = 8) -> str:
        """The end of its log, under a line that says where all of it is."""
        if not self.log.exists():
            return f"It wrote no log at {self.log}."
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - 10_000 * lines))
            tail = log.read().decode("utf-8", "replace").splitlines()[-lines:]
        return "\n".join([f"The end of its log ({self.log}):", *(f"  {line[:LINE_LIMIT]}" for line in tail)])


def end_leftover(pid_file: Path, marks: Sequence[str]) -> None:
    """End what an earlier run left behind: the process of the pid file, if these are among its arguments."""
    if not pid_file.exists():
        return
    text = pid_file.read_text(encoding="ascii").strip()
    pid = int(text) if text.isdigit() else 0
    if pid and set(marks) <= set(command_line(pid)):
        end_process(pid)
    pid_file.unlink(missing_ok=True)


def command_line(pid: int) -> list[str]:
    """What a process was started with; empty when there is no such process."""
    proc = Path("/proc", str(pid), "cmdline")
    if proc.exists():
        return [os.fsdecode(part) for part in proc.read_bytes().split(b"\0")[:-1]]
    if Path("/proc/self").exists():
        return []
    said = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return said.stdout.split()


def end_process(pid: int, grace: float = 15.0) -> None:
    """End a process that is not a child of this one: SIGTERM, then SIGKILL after the grace."""
    for order, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, 5.0)):
        try:
            os.kill(pid, order)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not command_line(pid):
                return
            time.sleep(0.02)


def listening(port: int) -> bool:
    """Whether something accepts connections on the port of loopback."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return True
    except OSError:
        return False


def free(port: int) -> bool:
    """Whether a server could listen on the port of loopback now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that is free now, below those that systems give to outgoing connections.

    Among those a client that knocks at a server which is down could meet itself, or take the server's place.
    """
    for _ in range(200):
        port = 20_000 + secrets.randbelow(12_000)
        if free(port):
            return port
    raise Trouble("No free port was found on 127.0.0.1 between 20000 and 32000. End some programs and try again.")


def settle_port(asked: int, memory: Path) -> int:
    """The port asked for; for 0 the one remembered from the last start, or else a free one."""
    if asked:
        if not free(asked):
            raise Trouble(f"Port {asked} is taken by another program. End it, or choose another port.")
        port = asked
    else:
        text = memory.read_text(encoding="ascii").strip() if memory.exists() else ""
        port = int(text) if text.isdigit() and free(int(text)) else free_port()
    memory.write_text(f"{port}\n", encoding="ascii")
    return port
