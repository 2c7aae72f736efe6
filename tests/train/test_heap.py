import subprocess
import sys

import pytest

from prosa.train.heap import leaves_holes

FAULTS = """
import resource, torch
from contextlib import nullcontext
from prosa.train.heap import keeping_freed_memory
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def work():
    tensors = [torch.zeros(2**20) for _ in range(40)]  # 160 MB
for manager in (nullcontext(), keeping_freed_memory()):
    with manager:
        work()
        before = faults()
        for _ in range(5):
            work()
        print(faults() - before)
size = lambda: int(open("/proc/self/statm").read().split()[1]) * 4096
print(size())
"""


@pytest.mark.skipif(not leaves_holes(), reason="another malloc")
def test_freed_memory_is_kept_for_the_next_step_and_given_back_in_the_end() -> None:
    run = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    default, kept, resident = (int(line) for line in run.stdout.split())
    assert kept < default / 20
    assert default > 0  # 5 times 160 MB, in pages of 4 kB or 2 MB, less what malloc keeps by itself
    assert resident < 350e6  # torch itself has some 200 MB
