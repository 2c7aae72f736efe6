"""The stages after base, a section each: the data seen, and the curves of what was learnt."""

from collections.abc import Mapping
from typing import Any

from prosa.core.language import duration, number, tr
from prosa.show.load import RunData, StageData, figure
from prosa.show.markup import Html, tag
from prosa.show.parts import Figures, fold, plot, section, table, tiles
from prosa.show.plots import series, smooth
from prosa.show.sections.training import sample_text
from prosa.show.stage_plots import (
    calibration_plot,
    learning_plot,
    preference_plot,
    reinforcement_plot,
    right_plot,
    right_share,
)
from prosa.show.words import counted, percent, short

Tile = tuple[str, str, str] | None


def stage_title(name: str) -> str:
    """A stage's heading."""
    titles = {
        "sft": tr("Fine-tuning on conversations (SFT)", "Ajuste fino em conversas (SFT)"),
        "reward": tr("Reward model", "Modelo de recompensa"),
        "dpo": tr("Training on preferences (DPO)", "Treino em preferências (DPO)"),
        "rl": tr("Reinforcement learning (RL)", "Aprendizado por reforço (RL)"),
    }
    return titles[name]


def stages(run: RunData, figures: Figures) -> list[Html]:
    """A section for each stage that the run has."""
    return [_stage(name, stage, figures) for name, stage in run.stages.items()]


def _stage(name: str, stage: StageData, figures: Figures) -> Html:
    content: list[Html | None] = [
        tiles(*(_reinforced(stage) if name == "rl" else _learnt(stage)), *_ended(stage)),
        None
        if stage.complete
        else tag("p", tr("Training did not reach its end yet.", "O treino ainda não chegou ao fim."), class_="note"),
    ]
    if name == "rl":
        content += _reinforcement(stage, figures)
    else:
        drawn = learning_plot(stage)
        content.append(drawn and plot(f"{name}_learning", drawn, _learning_words(stage), figures))
    if name == "dpo":
        drawn = preference_plot(stage)
        content.append(drawn and plot("dpo_rewards", drawn, _preference_words(), figures))
    if name == "reward":
        content += _quality(stage, figures)
    content += [_samples(stage), _bad_lines(stage)]
    return section(name, stage_title(name), *content)


def _learnt(stage: StageData) -> list[Tile]:
    """What was read, held out and left out."""
    data = (stage.figures or {}).get("data")
    found: list[Tile] = []
    conversations, rankings = figure(data, "conversations"), figure(data, "rankings")
    if conversations is not None:
        targets, epochs = figure(data, "targets"), figure(stage.figures, "epochs")
        detail = (
            []
            if targets is None
            else [tr(f"{short(targets)} tokens of the assistant's", f"{short(targets)} tokens do assistente")]
        )
        if epochs is not None:
            detail.append(tr(f"{number(epochs, 1)} times over", f"{number(epochs, 1)} vezes"))
        found.append((tr("Conversations", "Conversas"), number(conversations), ", ".join(detail)))
    if rankings is not None:
        pairs = figure(data, "pairs")
        detail = [] if pairs is None else [counted(pairs, "pair/pairs", "par/pares")]
        found.append((tr("Preferences", "Preferências"), number(rankings), ", ".join(detail)))
    held_out = figure(data, "held_out")
    if held_out is not None:
        note = tr("never trained on", "nunca usadas no treino")
        found.append((tr("Held out", "Reservadas"), number(held_out), note))
    left = [figure(data, key) or 0 for key in ("bad", "cut", "dropped")]
    if any(left):
        bad, cut, dropped = map(number, left)
        detail = [
            tr(
                f"{bad} bad lines, {dropped} longer than the context; {cut} more were cut at it",
                f"{bad} linhas ruins, {dropped} maiores que o contexto; mais {cut} cortadas nele",
            )
        ]
        found.append((tr("Left out", "Deixadas de fora"), number(left[0] + left[2]), ", ".join(detail)))
    return found


def _reinforced(stage: StageData) -> list[Tile]:
    """From where to where the rewards went, and what it cost."""
    found: list[Tile] = []
    for key, name, digits in (
        ("reward", tr("Reward", "Recompensa"), 3),
        ("kl", tr("KL to the start, nats", "KL ao ponto de partida, nats"), 3),
        ("length", tr("Tokens an answer", "Tokens por resposta"), 1),
    ):
        _, values = series(stage.train, key)
        if values:
            first, last = smooth(values)[0], smooth(values)[-1]
            begun = tr(f"from {number(first, digits)}", f"de {number(first, digits)}")
            found.append((name, number(last, digits), begun))
    _, shares = series(stage.train, "generating")
    if shares and all(0 <= share <= 1 for share in shares):
        note = tr("of the time", "do tempo")
        found.append((tr("Spent generating", "Gasto gerando"), percent(sum(shares) / len(shares)), note))
    return found


def _ended(stage: StageData) -> list[Tile]:
    """Steps and time."""
    steps = figure(stage.figures, "steps")
    seconds = figure(stage.figures, "seconds")
    if steps is None and stage.train:
        steps = figure(stage.train[-1], "step")
    if seconds is None and stage.train:
        seconds = figure(stage.train[-1], "seconds")
    detail = "" if seconds is None else duration(seconds)
    return [None if steps is None else (tr("Steps", "Passos"), number(steps), detail)]


def _learning_words(stage: StageData) -> str:
    words = []
    _, trained = series(stage.train, "loss")
    if trained:
        first, last = number(trained[0], 3), number(smooth(trained)[-1], 3)
        words.append(
            tr(
                f"The training loss goes from {first} to {last} (smoothed).",
                f"A perda de treino vai de {first} a {last} (suavizada).",
            )
        )
    _, measured = series(stage.validation, "loss")
    if measured:
        first, last = number(measured[0], 3), number(measured[-1], 3)
        words.append(
            tr(
                f"On what was held out it goes from {first} to {last}.",
                f"No que foi reservado, ela vai de {first} a {last}.",
            )
        )
    _, right = series(stage.validation, "accuracy")
    if right:
        words.append(
            tr(
                f"Of it, {percent(right[-1])} are right at the end.",
                f"Nele, {percent(right[-1])} estão certos no fim.",
            )
        )
    return " ".join(words)


def _preference_words() -> str:
    return tr(
        "The implied reward of an answer is β times the logarithm of how much likelier it became than at the start.",
        "A recompensa implícita de uma resposta é β vezes o logaritmo de quanto ela ficou mais provável que no início.",
    )


def _reinforcement(stage: StageData, figures: Figures) -> list[Html | None]:
    drawn, rights_drawn = reinforcement_plot(stage), right_plot(stage)
    words = tr(
        "By step: the reward of the answers drawn; how far the model moved from where it began (KL); how undecided it "
        "is at each token (entropy); how long the answers are.",
        "A cada passo: a recompensa das respostas sorteadas; o quanto o modelo se afastou de onde começou (KL); o "
        "quanto ele hesita a cada token (entropia); o tamanho das respostas.",
    )
    return [
        drawn and plot("rl_curves", drawn, words, figures),
        rights_drawn and plot("rl_right", rights_drawn, _right_words(stage), figures),
    ]


def _right_words(stage: StageData) -> str:
    found = [right for line in stage.validation if (right := right_share(line)) is not None]
    (first, *_), (last, low, high, n) = found[0], found[-1]
    return tr(
        f"Held-out problems answered right: from {percent(first)} to {percent(last)} (95% interval "
        f"{percent(low)} to {percent(high)}, {number(n)} problems).",
        f"Problemas reservados respondidos certo: de {percent(first)} a {percent(last)} (intervalo de 95% de "
        f"{percent(low)} a {percent(high)}, {number(n)} problemas).",
    )


def _quality(stage: StageData, figures: Figures) -> list[Html | None]:
    """The reward model on pairs that it has not seen."""
    found = (stage.figures or {}).get("held_out")
    accuracy, pairs = figure(found, "accuracy"), figure(found, "pairs")
    if not isinstance(found, dict) or accuracy is None or pairs is None:
        return []
    ends = _ends(found.get("interval_over_prompts")) or _ends(found.get("interval"))
    spread = (
        ""
        if ends is None
        else tr(f" (95% interval {ends[0]} to {ends[1]})", f" (intervalo de 95% de {ends[0]} a {ends[1]})")
    )
    content: list[Html | None] = [
        tag(
            "p",
            tr(
                f"{percent(accuracy)} of {number(pairs)} held-out pairs are right{spread}.",
                f"{percent(accuracy)} de {number(pairs)} pares reservados estão certos{spread}.",
            ),
            class_="verdict",
        )
    ]
    bins = [bin for bin in found.get("calibration") or () if _is_bin(bin)]
    error = figure(found, "calibration_error")
    if bins:
        off = (
            ""
            if error is None
            else tr(
                f" Expected calibration error: {percent(error)}.", f" Erro de calibração esperado: {percent(error)}."
            )
        )
        words = tr(
            "How often the better answer has the higher reward, by how sure the model is; on the dotted line it is as "
            "sure as it should be.",
            "Quantas vezes a resposta melhor tem a maior recompensa, pela confiança do modelo; na linha pontilhada ele "
            "confia o quanto deve.",
        )
        content.append(plot("reward_calibration", calibration_plot(bins), words + off, figures))
    longer, preferred = figure(found, "longer_is_better"), figure(found, "longer_is_preferred")
    if longer is not None and preferred is not None:
        correlation = figure(found, "length_correlation")
        more = (
            ""
            if correlation is None
            else tr(
                f" Correlation of reward and length: {number(correlation, 2)}.",
                f" Correlação entre recompensa e comprimento: {number(correlation, 2)}.",
            )
        )
        bias = tr(
            f"Length: the longer answer is better in {percent(longer)} of the pairs, and preferred in "
            f"{percent(preferred)}.",
            f"Comprimento: a resposta mais longa é a melhor em {percent(longer)} dos pares, e a preferida em "
            f"{percent(preferred)}.",
        )
        content.append(tag("p", bias + more, class_="note"))
    return content


def _ends(value: Any) -> tuple[str, str] | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    low, high = (figure({"end": end}, "end") for end in value)
    return None if low is None or high is None else (percent(low), percent(high))


def _is_bin(value: Any) -> bool:
    return (
        all(figure(value, key) is not None for key in ("predicted", "observed"))
        and _ends(value["interval"]) is not None
    )


def _samples(stage: StageData) -> Html | None:
    """The same prompts answered at the first and the last of the steps."""
    lines = [line for line in stage.samples if isinstance(line.get("text"), str)]
    steps = sorted({line["step"] for line in lines})
    if not steps:
        return None
    blocks = []
    for step in dict.fromkeys((steps[0], steps[-1])):
        texts = [line for line in lines if line["step"] == step][:3]
        head = tag("div", tag("h3", tr(f"Step {number(step)}", f"Passo {number(step)}")))
        blocks.append(tag("article", head, tag("div", *map(_answered, texts)), class_="milestone"))
    return tag("div", *blocks)


def _answered(line: Mapping[str, Any]) -> Html:
    return tag(
        "p",
        tag("span", str(line.get("prompt") or ""), class_="prompt"),
        " → ",
        sample_text(line["text"]),
        class_="sample",
    )


def _bad_lines(stage: StageData) -> Html | None:
    figures = stage.figures or {}
    data = figures.get("data", figures.get("prompts"))
    named = data.get("problems") if isinstance(data, dict) else None
    if not isinstance(named, list) or not named:
        return None
    rows = [[text] for text in map(str, named)]
    return fold(
        tr("Lines that could not be read", "Linhas que não puderam ser lidas"),
        table(tr("Left out, and why", "Deixadas de fora, e por quê"), [tr("line", "linha")], rows),
    )
