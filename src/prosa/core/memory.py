"""How much memory this process takes, and took at most, as the system counts it (resident bytes). Linux only."""

from pathlib import Path


def resident() -> int | None:
    """Bytes now; None where the system does not tell."""
    return _status("VmRSS")


def peak() -> int | None:
    """The most bytes so far; None where the system does not tell.

    Not ``getrusage``: what a process had before it became this program counts there too.
    """
    return _status("VmHWM")


def _status(field: str) -> int | None:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:")), None)
