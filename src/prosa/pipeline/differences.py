"""What differs between the settings a run was begun with and those it is resumed with."""

from typing import Any

TRAININGS = ("train.", "sft.", "reward.", "classify.", "dpo.", "rl.")
"""Parts of a recipe that are settings of a training."""
SETTLED = {
    "steps": 0,
    "micro_batch": 0,
    "precision": "auto",
    "workers": 0,
    "compile": "auto",
    "loss_chunk": 0,
}
"""Settings whose value here means "whatever was settled then"."""
MAY_CHANGE = {
    "lr", "embedding_lr", "muon_lr", "warmup", "clip", "weight_decay",
    "eval_every", "sample_every", "checkpoint_every", "keep_checkpoints", "log_every",
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
        elif value != old and not (prefix in TRAININGS and _may_differ(key, value, lenient)):
            found.append(f"{name} {old} -> {value}")
    return found


def _may_differ(key: str, value: Any, lenient: bool) -> bool:
    return (key in SETTLED and value == SETTLED[key]) or (lenient and key in MAY_CHANGE)
