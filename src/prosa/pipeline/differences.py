"""What differs between the settings a run was begun with and those it is resumed with."""

from typing import Any

SETTLED = {
    "train.steps": 0,
    "train.micro_batch": 0,
    "train.precision": "auto",
    "train.workers": 0,
    "train.compile": "auto",
}
"""Settings whose value here means "whatever was settled then"."""
MAY_CHANGE = {
    "train.lr", "train.embedding_lr", "train.muon_lr", "train.warmup", "train.clip", "train.weight_decay",
    "train.eval_every", "train.sample_every", "train.checkpoint_every", "train.keep_checkpoints", "train.log_every",
}  # fmt: skip
"""Settings that may change in the middle of training (it then warns that the result will differ)."""


def differences(before: dict[str, Any], now: dict[str, Any], *, lenient: bool = False, prefix: str = "") -> list[str]:
    """Each key whose value changed, as ``part.key old -> new``; settings left automatic now differ from nothing.

    Args:
        lenient: training is not finished, so what ``MAY_CHANGE`` names may.
    """
    found: list[str] = []
    for key, value in now.items():
        old, name = before.get(key), f"{prefix}{key}"
        if isinstance(value, dict) and isinstance(old, dict):
            found += differences(old, value, lenient=lenient, prefix=f"{name}.")
        elif value != old and not (name in SETTLED and value == SETTLED[name]) and not (lenient and name in MAY_CHANGE):
            found.append(f"{name} {old} -> {value}")
    return found
