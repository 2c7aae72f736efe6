"""Training: loss curves, schedule, samples along the way, speed."""

import math
from typing import Any

from prosa.core.language import number, tr
from prosa.show.load import RunData, figure
from prosa.show.markup import Html, join, tag
from prosa.show.parts import Figures, fold, missing, plot, section, table
from prosa.show.plots import loss_plot, schedule_plot, series, smooth, speed_plot
from prosa.show.words import percent, significant

MILESTONES = 8
SAMPLE = 700  # characters of a sample


def training(run: RunData, figures: Figures) -> Html:
    """The loss curves with the baselines, and the learning rate and gradient norm."""
    title = tr("Training", "Treino")
    loss = loss_plot(run)
    if loss is None:
        return section("training", title, _missing(tr("the loss curves.", "as curvas de perda.")))
    schedule = schedule_plot(run)
    return section(
        "training",
        title,
        tag("h3", tr("Loss", "Perda")),
        plot("loss", loss, _loss_words(run), figures),
        _validations(run),
        schedule
        and join(
            tag("h3", tr("Learning rate and gradient norm", "Taxa de aprendizado e norma do gradiente")),
            plot("schedule", schedule, _schedule_words(run), figures),
        ),
    )


def _missing(what: str) -> Html:
    return missing(what, tr("prosa pretrain makes them.", "Vem do comando prosa pretrain."))


def _loss_words(run: RunData) -> str:
    text = ""
    steps, losses = series(run.train, "loss")
    if losses:
        last = smooth(losses)[-1]
        text = tr(
            f"The training loss goes from {number(losses[0], 3)} to {number(last, 3)} nats per token (smoothed) in "
            f"{number(steps[-1])} steps.",
            f"A perda de treino vai de {number(losses[0], 3)} a {number(last, 3)} nats por token (suavizada) em "
            f"{number(steps[-1])} passos.",
        )
    seen, validation = series(run.validation, "loss")
    if validation:
        best = min(range(len(validation)), key=validation.__getitem__)
        text += " " + tr(
            f"The validation loss ends at {number(validation[-1], 3)}; its lowest is {number(validation[best], 3)}, at "
            f"step {number(seen[best])}.",
            f"A perda de validação termina em {number(validation[-1], 3)}; a menor é {number(validation[best], 3)}, no "
            f"passo {number(seen[best])}.",
        )
    if not run.complete:
        text += " " + tr("Training did not reach its end yet.", "O treino ainda não chegou ao fim.")
    return text.strip()


def _validations(run: RunData) -> Html | None:
    rows = []
    for line in run.validation:
        loss, bits = figure(line, "loss"), figure(line, "bits_per_byte")
        if loss is not None:
            rows.append([number(line["step"]), number(loss, 3), "–" if bits is None else number(bits, 3)])
    if not rows:
        return None
    heads = [tr("step", "passo"), tr("nats per token", "nats por token"), tr("bits per byte", "bits por byte")]
    caption = tr("Validation loss at each measurement", "Perda de validação em cada medição")
    return fold(tr("The validation losses as a table", "As perdas de validação em tabela"), table(caption, heads, rows))


def _schedule_words(run: RunData) -> str:
    text = ""
    steps, rates = series(run.train, "lr")
    if rates:
        top = max(range(len(rates)), key=rates.__getitem__)
        step, highest, last = number(steps[top]), significant(rates[top]), significant(rates[-1])
        text = tr(
            f"The learning rate is highest at step {step} ({highest}) and ends at {last}.",
            f"A taxa de aprendizado é maior no passo {step} ({highest}) e termina em {last}.",
        )
    _, norms = series(run.train, "grad_norm")
    if norms:
        middle = sorted(norms)[len(norms) // 2]
        text += " " + tr(
            f"The gradient norm's median is {number(middle, 3)} and its highest value {number(max(norms), 3)}.",
            f"A mediana da norma do gradiente é {number(middle, 3)} e o maior valor, {number(max(norms), 3)}.",
        )
    return text.strip()


def samples(run: RunData) -> Html:
    """What the model wrote at several steps, with the loss it had then."""
    title = tr("From gibberish to sentences", "Do balbucio às frases")
    steps = sorted({line["step"] for line in run.samples if isinstance(line.get("text"), str)})
    if not steps:
        return section(
            "samples", title, _missing(tr("texts written during training.", "textos escritos durante o treino."))
        )
    chosen = milestones(steps)
    blocks = []
    for step in chosen:
        texts = [line for line in run.samples if line["step"] == step and isinstance(line.get("text"), str)]
        loss = loss_at(run, step)
        said = ""
        if loss is not None:
            said = tr(f"loss {number(loss, 2)} nats per token", f"perda de {number(loss, 2)} nats por token")
        blocks.append(
            tag(
                "article",
                tag(
                    "div",
                    tag("h3", tr(f"Step {number(step)}", f"Passo {number(step)}")),
                    said and tag("p", said, class_="note"),
                ),
                tag("div", *(_sample(line) for line in texts[:2])),
                class_="milestone",
            )
        )
    note = tr(
        "What the model wrote at some steps of its training, uncorrected. The prompt is in colour.",
        "O que o modelo escreveu em alguns passos do treino, sem correção. O prompt aparece em cor.",
    )
    return section("samples", title, tag("p", note, class_="note"), *blocks)


def milestones(steps: list[Any], most: int = MILESTONES) -> list[Any]:
    """Up to ``most`` of the steps: the first, the last, and between them about evenly on a logarithmic scale.

    Most of what can be seen changes early, so the early steps are shown more densely.
    """
    if len(steps) <= most:
        return steps
    low, high = math.log(steps[0] + 1), math.log(steps[-1] + 1)
    targets = [low + (high - low) * i / (most - 1) for i in range(most)]
    return sorted({min(steps, key=lambda step: abs(math.log(step + 1) - target)) for target in targets})


def loss_at(run: RunData, step: float) -> float | None:
    """The validation loss at a step, else the training loss at the nearest step."""
    for line in run.validation:
        if line["step"] == step and figure(line, "loss") is not None:
            return figure(line, "loss")
    near = min(run.train, key=lambda line: abs(line["step"] - step), default=None)
    return figure(near, "loss")


def _sample(line: dict[str, Any]) -> Html:
    prompt, text = str(line.get("prompt") or ""), line["text"]
    text = sample_text(text.removeprefix(prompt))
    return tag("p", prompt and tag("span", prompt, class_="prompt"), text, class_="sample")


def sample_text(text: str) -> str:
    """What a model wrote, cut where it is long."""
    return text if len(text) <= SAMPLE else text[:SAMPLE] + "…"


def speed(run: RunData, figures: Figures) -> Html:
    """Tokens a second over time, and the share of the machine's measured peak."""
    title = tr("Speed", "Velocidade")
    drawn = speed_plot(run)
    if drawn is None:
        return section("speed", title, _missing(tr("speed measurements.", "medições de velocidade.")))
    _, rates = series(run.train, "tokens_per_second")
    _, shares = series(run.train, "share_of_peak")
    words = ""
    if rates:
        middle = sorted(rates)[len(rates) // 2]
        words = tr(f"{number(middle)} tokens per second (median).", f"{number(middle)} tokens por segundo (mediana).")
    if shares:
        middle = sorted(shares)[len(shares) // 2]
        words += " " + tr(
            f"That is {percent(middle)} (median) of the arithmetic this machine reached in a matrix product, measured "
            "in the same run.",
            f"Isso é {percent(middle)} (mediana) da aritmética que esta máquina alcançou num produto de matrizes, "
            "medida na mesma execução.",
        )
    return section("speed", title, plot("speed", drawn, words.strip(), figures))
