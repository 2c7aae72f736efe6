"""What was made and how good it is."""

from typing import Any

from prosa.core.language import duration, number, tr
from prosa.show.load import RunData, figure
from prosa.show.markup import Html, join, tag
from prosa.show.parts import bar, missing, section, table, tiles
from prosa.show.verdict import interval, scores, verdict
from prosa.show.words import baseline_name, counted, short

FEW = 10  # documents: resampling fewer than this hardly shows how texts differ


def shape(run: RunData) -> str:
    """The model's shape in a line, from its Hugging Face configuration (either family's names)."""

    def found(*keys: str) -> float | None:
        return next((value for key in keys if (value := figure(run.model, key)) is not None), None)

    facts = []
    for value, en, pt in (
        (found("num_hidden_layers", "n_layer"), "layer/layers", "camada/camadas"),
        (found("num_attention_heads", "n_head"), "head/heads", "cabeça/cabeças"),
        (found("hidden_size", "n_embd"), "wide/wide", "de largura/de largura"),
        (
            found("max_position_embeddings", "n_positions"),
            "token of context/tokens of context",
            "token de contexto/tokens de contexto",
        ),
    ):
        if value is not None:
            facts.append(counted(value, en, pt))
    return ", ".join(facts)


def ours(run: RunData) -> str:
    """``verdict``'s colour: better than every baseline, worse than one, or nothing to say."""
    names = [score.key for score in scores(run.evaluation)]
    return "" if "model" not in names or len(names) == 1 else "good" if names[-1] == "model" else "bad"


def headline(run: RunData) -> Html:
    """Tiles with the main figures, and the verdict."""
    bits, ends = figure(run.evaluation, "bits_per_byte"), interval(run.evaluation)
    documents = figure(run.evaluation, "documents")
    last = run.train[-1] if run.train else None
    tokens, seconds = figure(last, "tokens"), figure(last, "seconds")
    unknown = tr("not made yet", "ainda não feito")
    if ends is not None:
        spread = tr(
            f"95% interval {number(ends[0], 3)} to {number(ends[1], 3)}",
            f"intervalo de 95% de {number(ends[0], 3)} a {number(ends[1], 3)}",
        )
    else:
        spread = tr("no interval", "sem intervalo")
    if (run.evaluation or {}).get("interval_over") == "windows":
        spread += tr(", over windows of one held-out text", ", sobre janelas de um texto reservado")
    elif documents is not None:
        held_out = counted(
            documents, "held-out document/held-out documents", "documento reservado/documentos reservados"
        )
        spread += tr(f", over {held_out}", f", em {held_out}")
    state = tr("training is complete", "treino completo") if run.complete else tr("not finished", "não terminado")
    return join(
        tiles(
            (
                tr("Bits per byte", "Bits por byte"),
                unknown if bits is None else number(bits, 3),
                "" if bits is None else spread,
            ),
            (
                tr("Parameters", "Parâmetros"),
                unknown if run.parameters is None else short(run.parameters),
                shape(run),
            ),
            None
            if tokens is None
            else (
                tr("Tokens trained on", "Tokens de treino"),
                short(tokens),
                _training(run, tokens, state),
            ),
            None if seconds is None else (tr("Training time", "Tempo de treino"), duration(seconds), _machine(run)),
        ),
        tag("p", verdict(run.evaluation), class_=f"verdict {ours(run)}".strip()),
    )


def _training(run: RunData, tokens: float, state: str) -> str:
    """Steps, how many times the text was read, and whether training is over."""
    text = figure(run.data, "splits", "train", "tokens")
    facts = [counted(run.train[-1]["step"], "step/steps", "passo/passos")]
    if text:
        times = number(tokens / text, 1)
        facts.append(tr(f"the text {times} times over", f"{times} vezes o texto"))
    return ", ".join([*facts, state])


def _machine(run: RunData) -> str:
    environment = run.environment or {}
    device = environment.get("gpu") or environment.get("cpu")
    return str(device) if device else ""


def quality(run: RunData) -> Html:
    """The model beside the baselines, on the same held-out text."""
    title = tr("How good it is", "Quão bom ficou")
    everyone = scores(run.evaluation)
    if not everyone:
        return section(
            "quality",
            title,
            missing(
                tr("the quality on held-out text.", "a qualidade em texto reservado."),
                tr("prosa evaluate measures it.", "O comando prosa evaluate a mede."),
            ),
        )
    evaluation = run.evaluation
    most = max(score.nats for score in everyone)
    rows = [
        [
            tr("this model", "este modelo") if score.key == "model" else baseline_name(score.key),
            "–" if score.bits is None else number(score.bits, 3),
            number(score.nats, 3),
            bar(score.nats / most if most else 0),
        ]
        for score in everyone
    ]
    heads = [
        tr("predictor", "preditor"),
        tr("bits per byte", "bits por byte"),
        tr("nats per token", "nats por token"),
        "",
    ]
    ours_at = next((i for i, score in enumerate(everyone) if score.key == "model"), None)
    tokens, n_bytes, documents = (figure(evaluation, key) for key in ("tokens", "bytes", "documents"))
    sample = ", ".join(
        counted(value, en, pt)
        for value, en, pt in (
            (documents, "document/documents", "documento/documentos"),
            (tokens, "token/tokens", "token/tokens"),
            (n_bytes, "byte/bytes", "byte/bytes"),
        )
        if value is not None
    )
    caption = tr(
        "Held-out text that no training saw; lower is better", "Texto reservado, que nenhum treino viu; menor é melhor"
    )
    perplexity = figure(evaluation, "perplexity")
    return section(
        "quality",
        title,
        table(f"{caption}: {sample}" if sample else caption, heads, rows, ours=ours_at),
        None if perplexity is None else tag("p", _perplexity(number(perplexity, 2))),
        _caution(evaluation, documents),
        tag("p", _explanation(), class_="note"),
    )


def _caution(evaluation: dict[str, Any] | None, documents: float | None) -> Html | None:
    """That an interval over few documents, or over the windows of one, says little."""
    if interval(evaluation) is None:
        return None
    if (evaluation or {}).get("interval_over") == "windows":
        text = tr(
            "The interval is over windows of a single text: it says nothing of other texts.",
            "O intervalo é sobre janelas de um único texto: não diz nada sobre outros textos.",
        )
    elif documents is not None and documents < FEW:
        few = counted(documents, "document/documents", "documento/documentos")
        text = tr(
            f"The interval is over {few} only: it says little of other texts.",
            f"O intervalo é sobre apenas {few}: diz pouco sobre outros textos.",
        )
    else:
        return None
    return tag("p", text, class_="note")


def _perplexity(value: str) -> str:
    return tr(
        f"Perplexity {value}: on average the model hesitates as if among this many equally likely tokens.",
        f"Perplexidade {value}: em média o modelo hesita como se escolhesse entre este número de tokens "
        "igualmente prováveis.",
    )


def _explanation() -> str:
    return tr(
        "Bits per byte is how many bits the model would need to store each byte of the text: stored plainly, a byte "
        "takes 8. It does not depend on the tokenizer. Uniform gives every token the same chance, unigram counts "
        "tokens, and the n-grams (interpolated Kneser-Ney) count what follows the last n − 1 tokens; all of them on "
        "the same training text.",
        "Bits por byte diz quantos bits o modelo precisaria para guardar cada byte do texto: sem compressão, um "
        "byte ocupa 8. Não depende do tokenizador. O uniforme dá a todos os tokens a mesma chance, o unigrama conta "
        "os tokens, e os n-gramas (Kneser-Ney interpolado) contam o que segue os últimos n − 1 tokens; todos no "
        "mesmo texto de treino.",
    )
