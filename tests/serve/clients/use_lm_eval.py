"""``lm-eval``'s ``local-completions``: its log-likelihoods are the engine's own, within 1e-4."""

from importlib.metadata import version
from types import SimpleNamespace

from facts import FACTS, KEY, MODEL, URL
from lm_eval.api.registry import get_model


def main() -> None:
    """Ask for log-likelihoods and texts."""
    import os

    os.environ["OPENAI_API_KEY"] = KEY
    lm = get_model("local-completions")(
        model=MODEL,
        base_url=f"{URL}/v1/completions",
        tokenizer=FACTS["tokenizer"],
        tokenizer_backend="huggingface",
        max_length=FACTS["context"],
        num_concurrent=2,
        batch_size=2,
    )
    requests = [SimpleNamespace(args=tuple(pair)) for pair in FACTS["pairs"]]
    found = lm.loglikelihood(requests)
    worst = 0.0
    for (ours, greedy), (theirs, theirs_greedy) in zip(FACTS["likelihoods"], found, strict=True):
        worst = max(worst, abs(ours - theirs))
        assert abs(ours - theirs) < 1e-4, list(zip(FACTS["likelihoods"], found, strict=True))
        assert greedy == theirs_greedy
    options = {"until": ["\n\n\n"], "max_gen_toks": 20, "temperature": 0.0}
    [text] = lm.generate_until([SimpleNamespace(args=("Era uma vez", options))])
    assert isinstance(text, str)
    assert text
    print(f"lm-eval {version('lm-eval')}: {len(found)} log-likelihoods, furthest from ours {worst:.1e}; texts")


main()
