"""``prosa generate``: continue prompts with a trained model."""

import unicodedata
from collections.abc import Callable

from prosa.core.device import DeviceName, ReadingPrecisionName
from prosa.core.errors import UserError
from prosa.core.language import number, tr
from prosa.core.progress import say
from prosa.generate.completion import Completion
from prosa.generate.row import Overflow
from prosa.generate.sampling import Sampling


def generate(
    model: str,
    *,
    prompt: tuple[str, ...] = ("",),
    max_tokens: int = 200,
    temperature: float = 0.8,
    top_k: int = 0,
    top_p: float = 1.0,
    min_p: float = 0.0,
    repetition_penalty: float = 1.0,
    stop: tuple[str, ...] = (),
    seed: int = 0,
    samples: int = 1,
    top_logprobs: int = 0,
    overflow: Overflow = "stop",
    use_cache: bool = True,
    device: DeviceName = "auto",
    precision: ReadingPrecisionName = "auto",
    write: Callable[[str], None] | None = None,
) -> list[Completion]:
    """Continue prompts with a trained model. The same arguments give the same text.

    Args:
        model: A run (its newest model), run:stage, or a model folder.
        prompt: One or more prompts; - reads one from standard input, nothing begins a document.
        max_tokens: The most tokens a completion may have.
        temperature: Divides the logits; 0 is greedy.
        top_k: Only the k most probable tokens; 0 is all.
        top_p: Only the most probable tokens that add up to p; 1 is all.
        min_p: Only tokens at least this share as probable as the most probable.
        repetition_penalty: Above 1, tokens that are there already become less probable.
        stop: Strings that end the text; they are not part of it.
        seed: Of the draws.
        samples: Completions for each prompt.
        top_logprobs: With --json, so many most probable alternatives at each token.
        overflow: At the end of the context: stop, or slide (drop the older half and go on).
        use_cache: Keep keys and values of what was read; the text is the same without, and slower.
        device: Where to compute.
        precision: What to compute in; int8: matrices of 8 bits, on a CPU.
        write: Called with each piece of text as soon as it is sure; several completions are headed by their number.

    Raises:
        UserError: no such model, an empty prompt where none is possible, a prompt longer than the context.
    """
    from prosa.generate.engine import Engine
    from prosa.pipeline.run import load_any

    if not prompt:
        raise UserError(
            tr("--prompt has no text.", "--prompt não tem texto."),
            tr('For example: --prompt "Once upon a time"', 'Por exemplo: --prompt "Era uma vez"'),
        )
    prompts = [given_prompt(text) for text in prompt]
    sampling = Sampling(temperature, top_k, top_p, min_p, repetition_penalty, stop, seed, top_logprobs)
    loaded, tokenizer, _ = load_any(model)
    engine = Engine(loaded, tokenizer, device=device, precision=precision)
    if write is None or len(prompts) * samples > 1:
        made = engine.generate(
            prompts, sampling, max_tokens=max_tokens, samples=samples, overflow=overflow, use_cache=use_cache
        )
        for i, completion in enumerate(made if write else (), 1):
            write(f"[{i}] {completion.prompt}{completion.text}\n")  # type: ignore[misc]
        return made
    stream = engine.stream(prompts[0], sampling, max_tokens=max_tokens, overflow=overflow, use_cache=use_cache)
    write(prompts[0])
    while True:
        try:
            write(next(stream).text)
        except StopIteration as end:
            write("\n")
            done: Completion = end.value
            break
    if done.finish_reason == "length" and len(done.tokens) < max_tokens:
        say(
            tr(
                f"stopped at the model's context of {number(loaded.config.context)} tokens; --overflow slide goes on.",
                f"parou no contexto do modelo, de {number(loaded.config.context)} tokens; --overflow slide continua.",
            )
        )
    return [done]


def given_prompt(text: str) -> str:
    """A prompt of the command line in NFC; ``-`` is standard input without its last line end, which ``echo`` adds."""
    from prosa.pipeline.tokenizer import given_text

    given = given_text(("-",)).removesuffix("\n").removesuffix("\r") if text == "-" else text
    return unicodedata.normalize("NFC", given)
