"""A server may have as many connections as it says, not as many as a shell usually allows."""

import resource
import subprocess
import sys

CODE = (
    "import resource; from prosa.serve.server import allow_connections\n"
    "hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
    "resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))\n"
    "for n in (100, 1000, 10**7, 10): allow_connections(n); print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
)


def test_open_files_are_raised_up_to_what_the_system_lets() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert [int(line) for line in done.stdout.split()] == [256, 1128, hard, hard]
