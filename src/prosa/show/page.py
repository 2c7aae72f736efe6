"""The report's page: its sections, in each language."""

from prosa.core.language import language, tr
from prosa.show.frame import document
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


def page(run: RunData, found: Vocabulary | None) -> str:
    """The whole HTML file."""
    return document(run.name, lambda figures: _main(run, found, figures))


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
