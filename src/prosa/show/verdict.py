"""How good a model is, in words: its bits per byte against the baselines counted on the same training text."""

import math
from dataclasses import dataclass
from typing import Any

from prosa.core.language import number, tr
from prosa.show.load import figure
from prosa.show.words import baseline_name


@dataclass(frozen=True)
class Score:
    """One predictor on the held-out text."""

    key: str  # "model", "uniform", "unigram", "kn2", …
    nats: float  # a token
    bits: float | None  # a byte; None where tokens or bytes are unknown


def bits_per_token_nat(evaluation: dict[str, Any] | None) -> float | None:
    """Factor from nats a token to bits a byte on this text: tokens / bytes / ln 2."""
    tokens, n_bytes = figure(evaluation, "tokens"), figure(evaluation, "bytes")
    return tokens / n_bytes / math.log(2) if tokens and n_bytes else None


def scores(evaluation: dict[str, Any] | None) -> list[Score]:
    """The model (when it was measured) and every measured baseline, worst first."""
    if evaluation is None:
        return []
    factor = bits_per_token_nat(evaluation)
    found = []
    nats = figure(evaluation, "nats_per_token")
    if nats is not None:
        bits = figure(evaluation, "bits_per_byte")
        found.append(Score("model", nats, bits if bits is not None else factor and nats * factor))
    baselines = evaluation.get("baselines")
    for key in baselines if isinstance(baselines, dict) else ():
        value = figure(baselines, key)
        if value is not None:
            found.append(Score(str(key), value, factor and value * factor))
    return sorted(found, key=lambda score: -score.nats)


def interval(evaluation: dict[str, Any] | None) -> tuple[float, float] | None:
    """The 95 % interval of the model's bits per byte (or of a difference), where it was measured."""
    ends = (evaluation or {}).get("interval")
    if not isinstance(ends, list) or len(ends) != 2:
        return None
    low, high = (figure({"end": end}, "end") for end in ends)
    return (low, high) if low is not None and high is not None else None


def difference(evaluation: dict[str, Any] | None, baseline: str) -> tuple[float, float] | None:
    """The 95 % interval of the model's bits per byte less this baseline's, where it was measured."""
    found = (evaluation or {}).get("difference")
    return interval(found) if isinstance(found, dict) and found.get("baseline") == baseline else None


def verdict(evaluation: dict[str, Any] | None) -> str:
    """One or two sentences: whether the model predicts the text better than counting does, and how surely."""
    everyone = scores(evaluation)
    model = next((score for score in everyone if score.key == "model"), None)
    if model is None:
        return tr(
            "The model was not evaluated yet, so nothing can be said of its quality.",
            "O modelo ainda não foi avaliado, então não se pode dizer nada sobre a qualidade dele.",
        )
    others = [score for score in everyone if score.key != "model"]
    if not others:
        return tr(
            "There are no baselines to compare with: they need the training text.",
            "Não há referências com que comparar: elas precisam do texto de treino.",
        )
    best = others[-1]
    name = baseline_name(best.key)
    if model.bits is not None and best.bits is not None:
        mine, its = number(model.bits, 3), number(best.bits, 3)
        unit_en, unit_pt = "bits per byte", "bits por byte"
    else:
        mine, its = number(model.nats, 3), number(best.nats, 3)
        unit_en, unit_pt = "nats per token", "nats por token"
    if model.nats >= best.nats:
        text = tr(
            f"The model loses to counting: {mine} {unit_en}, against {its} for the best baseline ({name}). "
            "It needs more text or more training steps.",
            f"O modelo perde para a simples contagem: {mine} {unit_pt}, contra {its} da melhor referência ({name}). "
            "Precisa de mais texto ou de mais passos de treino.",
        )
    else:
        text = tr(
            f"The model predicts text it never saw better than every baseline: {mine} {unit_en}, against {its} for the "
            f"best of them ({name}).",
            f"O modelo prevê texto que nunca viu melhor do que todas as referências: {mine} {unit_pt}, contra {its} da "
            f"melhor delas ({name}).",
        )
    return " ".join(filter(None, (text, _certainty(evaluation, model, best))))


def _certainty(evaluation: dict[str, Any] | None, model: Score, best: Score) -> str:
    """How sure the verdict is: by the paired difference or, in files that lack it, by the model's own interval."""
    better = model.nats < best.nats
    ends = difference(evaluation, best.key)
    if ends is not None:
        span = tr(f"{number(ends[0], 3)} to {number(ends[1], 3)}", f"de {number(ends[0], 3)} a {number(ends[1], 3)}")
        if ends[0] <= 0 <= ends[1]:
            return tr(
                f"But the difference's 95% interval ({span}) reaches zero: the difference may be chance.",
                f"Mas o intervalo de 95% da diferença ({span}) inclui o zero: a diferença pode ser mero acaso.",
            )
        if better:
            return tr(
                f"The difference's 95% interval ({span}) is wholly below zero.",
                f"O intervalo de 95% da diferença ({span}) está inteiramente abaixo de zero.",
            )
        return ""
    ends = interval(evaluation)
    if "difference" in (evaluation or {}) or ends is None or best.bits is None or not better:
        return ""
    if ends[1] < best.bits:
        return tr("The whole 95% interval is below it.", "Todo o intervalo de 95% está abaixo dela.")
    return tr(
        "But the 95% interval reaches it: the difference may be chance.",
        "Mas o intervalo de 95% a alcança: a diferença pode ser mero acaso.",
    )
