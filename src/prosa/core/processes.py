"""Several processes of one command, as ``torchrun`` starts them: which one this is, and whether it speaks.

torchrun tells each in its environment: RANK of WORLD_SIZE in all, LOCAL_RANK of LOCAL_WORLD_SIZE on its machine.
"""

import os
import sys


def rank() -> int:
    """The number of this process, from 0; 0 where there is one."""
    return _of_environment("RANK", 0)


def world() -> int:
    """How many processes there are, on all machines."""
    return _of_environment("WORLD_SIZE", 1)


def local_rank() -> int:
    """The number of this process on its machine."""
    return _of_environment("LOCAL_RANK", 0)


def local_world() -> int:
    """How many processes there are on this machine."""
    return _of_environment("LOCAL_WORLD_SIZE", 1)


def _of_environment(name: str, alone: int) -> int:
    return int(os.environ[name]) if {"RANK", "WORLD_SIZE", name} <= set(os.environ) else alone


def hush() -> None:
    """From now on Python's standard output and error of this process go nowhere: another one speaks."""
    sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def speak() -> None:
    """Undo ``hush``: this process has something to tell."""
    sys.stdout, sys.stderr = sys.__stdout__ or sys.stdout, sys.__stderr__ or sys.stderr
