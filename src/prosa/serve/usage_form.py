"""``usage`` of an answer."""

from typing import Any

from prosa.serve.accounts import Account


def usage(account: Account) -> dict[str, Any]:
    """OpenAI's object: ``cached_tokens`` of the prompt did not have to be read again."""
    return {
        "prompt_tokens": account.prompt_tokens,
        "completion_tokens": account.completion_tokens,
        "total_tokens": account.prompt_tokens + account.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": account.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
