"""Plurals against a table written by hand."""

import pytest

from prosa.evaluate.tasks.plurals import plurals
from prosa.evaluate.tasks.problem import Problem
from prosa.evaluate.tasks.registry import TASKS
from prosa.evaluate.tasks.shipped import words

TABLE = """
casa casas | livro livros | pai pais | herói heróis | troféu troféus | café cafés | avó avós | maçã maçãs | irmã irmãs
mãe mães | lei leis | degrau degraus | caju cajus | abacaxi abacaxis | chapéu chapéus
coração corações | avião aviões | limão limões | nação nações | leão leões | botão botões | milhão milhões
pão pães | cão cães | alemão alemães | capitão capitães | catalão catalães | tabelião tabeliães | escrivão escrivães
mão mãos | irmão irmãos | cidadão cidadãos | cristão cristãos | grão grãos | chão chãos | pagão pagãos
órgão órgãos | órfão órfãos | bênção bênçãos | sótão sótãos | acórdão acórdãos
animal animais | sal sais | canal canais | jornal jornais | hospital hospitais
papel papéis | hotel hotéis | anel anéis | móvel móveis | túnel túneis | nível níveis | automóvel automóveis
sol sóis | lençol lençóis | farol faróis | caracol caracóis | espanhol espanhóis | álcool álcoois
azul azuis | paul pauis | barril barris | funil funis | fuzil fuzis | canil canis
fóssil fósseis | réptil répteis | míssil mísseis | projétil projéteis | fácil fáceis | têxtil têxteis
mal males | cônsul cônsules | gol gols
homem homens | jardim jardins | som sons | álbum álbuns | viagem viagens | bem bens | atum atuns
flor flores | mar mares | mulher mulheres | açúcar açúcares | repórter repórteres | líder líderes | ator atores
luz luzes | voz vozes | rapaz rapazes | nariz narizes | cruz cruzes | arroz arrozes | raiz raízes | juiz juízes
caráter caracteres | júnior juniores | sênior seniores
mês meses | japonês japoneses | português portugueses | freguês fregueses | gás gases | ás ases | revés reveses
convés conveses | ananás ananases | deus deuses | país países | obus obuses
lápis lápis | ônibus ônibus | vírus vírus | pires pires | atlas atlas | tênis tênis | óculos óculos | cais cais
tórax tórax | ônix ônix | próton prótons | cânion cânions
"""
PAIRS = [pair.split() for line in TABLE.strip().splitlines() for pair in line.split("|")]


def test_the_table_is_long():
    assert len(PAIRS) > 110


@pytest.mark.parametrize(("noun", "plural"), PAIRS)
def test_one_plural(noun, plural):
    assert plurals(noun) == (plural,)


@pytest.mark.parametrize(
    ("noun", "accepted"),
    [
        ("vulcão", ("vulcões", "vulcãos")),
        ("verão", ("verões", "verãos")),
        ("ancião", ("anciãos", "anciões", "anciães")),
        ("aldeão", ("aldeões", "aldeãos", "aldeães")),
        ("corrimão", ("corrimãos", "corrimões")),
        ("guardião", ("guardiões", "guardiães")),
        ("hífen", ("hifens", "hífenes")),
        ("abdômen", ("abdomens", "abdômenes")),
        ("mel", ("méis", "meles")),
        ("avô", ("avôs", "avós")),
    ],
)
def test_several_plurals(noun, accepted):
    assert plurals(noun) == accepted


def test_the_list():
    nouns = words("nouns.pt")
    assert len(nouns) == len(set(nouns)) > 600
    for ending, least in {"ão": 60, "l": 40, "m": 12, "r": 35, "z": 18, "s": 25, "x": 4, "n": 4}.items():
        assert sum(noun.endswith(ending) for noun in nouns) >= least, ending
    table = dict(PAIRS)
    assert sum(noun in table for noun in nouns) > 80  # most of the hard ones of the list are in the table by hand


def test_other_endings_are_refused():
    task = TASKS["plurals"]
    p = Problem(task.name, "?", "pães", "pt-BR", "test", "plural:pão")
    assert task.check(p, "Pães")
    for wrong in ("pões", "pãos", "paes", "pão", "pães e pãos", "os pães"):
        assert not task.check(p, wrong)
    several = Problem(task.name, "?", "vulcões", "pt-BR", "test", "plural:vulcão", ("vulcãos",))
    assert task.check(several, "vulcãos")
    assert not task.check(several, "vulcães")
