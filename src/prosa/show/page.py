"""The report's page: the same sections once in each language, one of them shown, in one file that needs no network."""

import json
from importlib import resources

from plotly.offline import get_plotlyjs

from prosa.core.language import LANGS, Lang, language, speaking, tr
from prosa.show.load import RunData
from prosa.show.markup import Html, tag
from prosa.show.parts import Figures
from prosa.show.sections.corpus import corpus
from prosa.show.sections.gains import answers, gains
from prosa.show.sections.repeat import repeat
from prosa.show.sections.result import headline, quality
from prosa.show.sections.stages import stages
from prosa.show.sections.training import samples, speed, training
from prosa.show.sections.vocabulary import vocabulary
from prosa.show.vocabulary import Vocabulary

# Nothing may be fetched: not even by a mistake in what is embedded.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:"


def page(run: RunData, found: Vocabulary | None) -> str:
    """The whole HTML file."""
    figures: Figures = {}
    mains = []
    for lang in LANGS:
        with speaking(lang):
            mains.append(_main(run, found, figures))
    shown = language()
    title = f"{run.name} · Prosa"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Html(_file("report.css"))),
    )
    drawn = json.dumps({key: json.loads(figure.to_json()) for key, figure in figures.items()})
    body = tag(
        "body",
        tag(
            "div",
            *(_button(lang, shown) for lang in LANGS),
            class_="language",
            role="group",
            aria_label="Language / Idioma",
        ),
        *mains,
        tag("script", Html(get_plotlyjs())) if figures else None,
        tag("script", Html(drawn.replace("<", "\\u003c")), type="application/json", id="figures"),
        tag("script", Html(_file("report.js"))),
    )
    return "<!doctype html>\n" + tag("html", head, body, lang=shown, data_lang=shown) + "\n"


def _file(name: str) -> str:
    return resources.files("prosa.show").joinpath(name).read_text(encoding="utf-8")


def _button(lang: Lang, shown: Lang) -> Html:
    name = "Português" if lang == "pt-BR" else "English"
    return tag("button", name, type="button", lang=lang, aria_pressed="true" if lang == shown else "false")


def _main(run: RunData, found: Vocabulary | None, figures: Figures) -> Html:
    return tag(
        "main",
        tag("h1", run.name),
        tag("p", tr("A language model made with Prosa", "Um modelo de linguagem feito com a Prosa"), class_="lead"),
        headline(run),
        _contents(run),
        quality(run),
        gains(run, figures),
        answers(run),
        samples(run),
        training(run, figures),
        *stages(run, figures),
        corpus(run),
        vocabulary(found),
        speed(run, figures),
        repeat(run),
        lang=language(),
    )


def _contents(run: RunData) -> Html:
    measured = {
        "gains": tr("Gains", "Ganhos"),
        "answers": tr("Answers", "Respostas"),
    }
    names = {"sft": "SFT", "reward": tr("Reward", "Recompensa"), "dpo": "DPO", "rl": "RL"}
    links = {
        "quality": tr("Quality", "Qualidade"),
        **(measured if run.gains and run.gains["answers"] else {}),
        "samples": tr("Samples", "Amostras"),
        "training": tr("Training", "Treino"),
        **{name: names[name] for name in run.stages},
        "corpus": "Corpus",
        "vocabulary": tr("Vocabulary", "Vocabulário"),
        "speed": tr("Speed", "Velocidade"),
        "repeat": tr("Make it again", "Fazer de novo"),
    }
    items = [tag("li", tag("a", name, href=f"#{language()}_{key}")) for key, name in links.items()]
    return tag("nav", tag("ul", *items), aria_label=tr("Contents", "Conteúdo"))
