"""The command reads the signature of ``generate`` before it knows that it will be needed: torch must wait."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "line",
    [
        "import prosa.pipeline.generate",
        "from prosa.generate.completion import Completion",
        "from prosa.generate.row import Overflow",
        "from prosa.generate.sampling import Sampling",
    ],
)
def test_no_torch_at_import(line):
    code = f"{line}; import sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
