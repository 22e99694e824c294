"""Child processes that stop on request, and do not outlive this process when it is killed."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from libs.cli.errors import CliError
from libs.cli.stop import Stop

MAX_LOG_BYTES = 10_000_000  # a longer log is moved aside when its child starts
MAX_LINE_LENGTH = 300  # characters of a line of a log that are shown to a person
REAP_SECONDS = 2.0  # after SIGKILL; a process that hangs in the kernel must not block the others


class Child:
    """One child process with its log file and its pid file.

    Where util-linux is installed the child gets SIGTERM when the thread that started it ends, so start children
    from the main thread. `stop` interrupts waits for the child; without it nothing does.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        env: Mapping[str, str] | None = None,
        folder: Path | None = None,
        stop: Stop | None = None,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.log = log
        self.env = dict(env) if env is not None else None
        self.folder = folder
        self.pid_file = log.with_suffix(".pid")
        self.process: subprocess.Popen[bytes] | None = None
        self._stop = stop or Stop()

    def start(self) -> None:
        """Start the program. One that an earlier run left behind is stopped first."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        stop_leftover(self.pid_file, self.command, self._stop)
        if self.log.exists() and self.log.stat().st_size > MAX_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".old.log"))
        setpriv = shutil.which("setpriv")
        command = [setpriv, "--pdeathsig", "TERM", *self.command] if setpriv else self.command
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.env,
                cwd=self.folder,
                start_new_session=True,  # Ctrl-C must not reach the children: they are stopped in order
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
        """Wait for a condition. CliError with the end of the log when the child exits first or the time is up."""
        is_ready, running = False, True

        def ready_or_ended() -> bool:
            nonlocal is_ready, running
            running = self.running  # read first, so that what the child did just before its end is seen
            is_ready = ready()
            return is_ready or not running

        if not self._stop.wait_until(ready_or_ended, seconds):
            raise CliError(f"{self.name} was not ready within {seconds:.0f} seconds.\n{self.log_tail()}")
        if not is_ready:
            raise CliError(f"{self.name} exited before it was ready ({self.end}).\n{self.log_tail()}")

    @property
    def end(self) -> str:
        """How it ended, for a person."""
        code = self.process.poll() if self.process else None
        if code is None:
            return "still running"
        return f"exit code {code}" if code >= 0 else signal.Signals(-code).name

    def terminate(self) -> None:
        """Send SIGTERM, without waiting for the end."""
        if self.process is not None and self.running:
            self.process.terminate()

    def stop(self, grace: float = 15.0) -> None:
        """Send SIGTERM, and SIGKILL if it has not ended within the grace period."""
        if self.process is None:
            return
        self.terminate()
        try:
            self.process.wait(max(grace, 0))
        except subprocess.TimeoutExpired:
            self._kill(self.process)
        if not self.running:
            self.pid_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """End it at once, as a crash would (SIGKILL)."""
        if self.process is not None:
            self._kill(self.process)
            self.pid_file.unlink(missing_ok=True)

    def log_tail(self, lines: int = 8) -> str:
        """Return the end of its log, and where the whole log is."""
        if not self.log.exists():
            return f"It wrote no log at {self.log}."
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - 10_000 * lines))
            tail = log.read().decode("utf-8", "replace").splitlines()[-lines:]
        return "\n".join([f"The end of its log ({self.log}):", *(f"  {line[:MAX_LINE_LENGTH]}" for line in tail)])

    @staticmethod
    def _kill(process: subprocess.Popen[bytes]) -> None:
        process.kill()
        try:
            process.wait(REAP_SECONDS)
        except subprocess.TimeoutExpired:
            return


def stop_leftover(pid_file: Path, arguments: Sequence[str], stop: Stop | None = None) -> None:
    """Stop the process that an earlier run left in the pid file, if these are among its arguments."""
    if not pid_file.exists():
        return
    text = pid_file.read_text(encoding="ascii").strip()
    pid = int(text) if text.isdigit() else 0
    if pid and set(arguments) <= set(command_line(pid)):
        _stop_process(pid, stop or Stop())
    pid_file.unlink(missing_ok=True)


def command_line(pid: int) -> list[str]:
    """Return the arguments of a process; empty when there is no such process, or it has ended."""
    proc = Path("/proc", str(pid), "cmdline")
    if Path("/proc/self").exists():
        try:
            return [os.fsdecode(part) for part in proc.read_bytes().split(b"\0")[:-1]]
        except OSError:
            return []
    listed = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return listed.stdout.split()


def _stop_process(pid: int, stop: Stop, grace: float = 15.0) -> None:
    """Stop a process that is not a child of this one: SIGTERM, then SIGKILL after the grace period."""
    for number, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, REAP_SECONDS)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        if stop.wait_until(lambda: not command_line(pid), seconds):
            return
