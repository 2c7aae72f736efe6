"""How many compiled kernels torch keeps on a CPU."""

import os

KEPT = 64


def keep_few_kernels() -> None:
    """Have oneDNN keep 64 kernels, not 1,024; to be called before torch is imported.

    oneDNN compiles a kernel for each shape of a product. A server's batch has another number of vectors at nearly every
    step, so that 1,024 kernels were made and kept, 400 MB for a model of 5 MB; with 64 (with 16 too) it is as fast.
    """
    for variable in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):  # its own, and torch's before it
        os.environ.setdefault(variable, str(KEPT))
