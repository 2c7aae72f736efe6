"""Every stage's command, killed with SIGKILL and resumed, ends as one that ran through."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "kill_resume.py"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("stage", ["pretrain", "sft", "reward", "dpo", "ppo", "grpo", "train-classifier"])
def test_kill_and_resume(stage) -> None:
    command = [sys.executable, str(SCRIPT), "--stage", stage, "--times", "3"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert f"{stage}: 3 of 3 trainings ended bit-identical" in done.stdout, done.stdout + done.stderr
