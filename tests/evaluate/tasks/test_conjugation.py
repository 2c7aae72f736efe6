"""Regular verbs against paradigms written by hand."""

import pytest

from prosa.evaluate.tasks.conjugation import TENSES, accepted_forms, conjugate
from prosa.evaluate.tasks.problem import Problem
from prosa.evaluate.tasks.registry import TASKS
from prosa.evaluate.tasks.shipped import words

PARADIGMS = """
falar   present      falo falas fala falamos falais falam
falar   preterite    falei falaste falou falamos falastes falaram
falar   imperfect    falava falavas falava falávamos faláveis falavam
falar   future       falarei falarás falará falaremos falareis falarão
falar   conditional  falaria falarias falaria falaríamos falaríeis falariam
falar   subjunctive  fale fales fale falemos faleis falem
comer   present      como comes come comemos comeis comem
comer   preterite    comi comeste comeu comemos comestes comeram
comer   imperfect    comia comias comia comíamos comíeis comiam
comer   future       comerei comerás comerá comeremos comereis comerão
comer   conditional  comeria comerias comeria comeríamos comeríeis comeriam
comer   subjunctive  coma comas coma comamos comais comam
partir  present      parto partes parte partimos partis partem
partir  preterite    parti partiste partiu partimos partistes partiram
partir  imperfect    partia partias partia partíamos partíeis partiam
partir  future       partirei partirás partirá partiremos partireis partirão
partir  conditional  partiria partirias partiria partiríamos partiríeis partiriam
partir  subjunctive  parta partas parta partamos partais partam
ficar   present      fico ficas fica ficamos ficais ficam
ficar   preterite    fiquei ficaste ficou ficamos ficastes ficaram
ficar   imperfect    ficava ficavas ficava ficávamos ficáveis ficavam
ficar   future       ficarei ficarás ficará ficaremos ficareis ficarão
ficar   conditional  ficaria ficarias ficaria ficaríamos ficaríeis ficariam
ficar   subjunctive  fique fiques fique fiquemos fiqueis fiquem
chegar  present      chego chegas chega chegamos chegais chegam
chegar  preterite    cheguei chegaste chegou chegamos chegastes chegaram
chegar  imperfect    chegava chegavas chegava chegávamos chegáveis chegavam
chegar  subjunctive  chegue chegues chegue cheguemos chegueis cheguem
começar present      começo começas começa começamos começais começam
começar preterite    comecei começaste começou começamos começastes começaram
começar imperfect    começava começavas começava começávamos começáveis começavam
começar subjunctive  comece comeces comece comecemos comeceis comecem
vencer  present      venço vences vence vencemos venceis vencem
vencer  preterite    venci venceste venceu vencemos vencestes venceram
vencer  imperfect    vencia vencias vencia vencíamos vencíeis venciam
vencer  subjunctive  vença venças vença vençamos vençais vençam
proteger present     protejo proteges protege protegemos protegeis protegem
proteger preterite   protegi protegeste protegeu protegemos protegestes protegeram
proteger subjunctive proteja protejas proteja protejamos protejais protejam
dirigir present      dirijo diriges dirige dirigimos dirigis dirigem
dirigir preterite    dirigi dirigiste dirigiu dirigimos dirigistes dirigiram
dirigir imperfect    dirigia dirigias dirigia dirigíamos dirigíeis dirigiam
dirigir conditional  dirigiria dirigirias dirigiria dirigiríamos dirigiríeis dirigiriam
dirigir subjunctive  dirija dirijas dirija dirijamos dirijais dirijam
erguer  present      ergo ergues ergue erguemos ergueis erguem
erguer  preterite    ergui ergueste ergueu erguemos erguestes ergueram
erguer  imperfect    erguia erguias erguia erguíamos erguíeis erguiam
erguer  subjunctive  erga ergas erga ergamos ergais ergam
distinguir present     distingo distingues distingue distinguimos distinguis distinguem
distinguir preterite   distingui distinguiste distinguiu distinguimos distinguistes distinguiram
distinguir subjunctive distinga distingas distinga distingamos distingais distingam
viajar  subjunctive  viaje viajes viaje viajemos viajeis viajem
continuar present    continuo continuas continua continuamos continuais continuam
copiar  subjunctive  copie copies copie copiemos copieis copiem
perdoar present      perdoo perdoas perdoa perdoamos perdoais perdoam
"""
ROWS = [line.split(None, 2) for line in PARADIGMS.strip().splitlines()]


@pytest.mark.parametrize(("verb", "tense", "forms"), ROWS)
def test_paradigms(verb, tense, forms):
    assert conjugate(verb, tense) == tuple(forms.split())


def test_every_verb_of_the_list_has_a_clean_spelling_in_every_form():
    """No c or g changes its sound: c before e/i only where the infinitive has a soft c there, and so on."""
    for verb in words("verbs.pt"):
        soft = verb[-3] == "c" and verb[-2] in "ei"
        for tense in TENSES:
            for form in conjugate(verb, tense):
                assert "çe" not in form
                assert "çi" not in form
                assert "quo" not in form
                assert "guo" not in form
                assert not (soft and form.startswith(verb[:-2]) and form[len(verb) - 2 :][:1] in ("a", "o", "á"))


def test_the_list_has_every_spelling_rule_and_no_known_irregular():
    verbs = words("verbs.pt")
    assert len(verbs) == len(set(verbs)) > 300
    for ending, least in {"car": 15, "gar": 15, "çar": 8, "cer": 15, "ger": 3, "gir": 12, "guer": 2, "guir": 2}.items():
        assert sum(verb.endswith(ending) for verb in verbs) >= least, ending
    irregular = (
        "ser ter ir estar dar ver vir pôr dizer fazer trazer poder saber querer perder valer ler crer caber haver"
    )
    irregular += (
        " dormir sentir servir preferir seguir subir fugir pedir medir ouvir sair cair rir cobrir mentir vestir"
    )
    irregular += " passear odiar saudar reunir proibir traduzir conduzir construir requerer moer agredir sumir repetir"
    assert not set(irregular.split()) & set(verbs)
    assert not any(verb.endswith(("ear", "uzir", "guar", "quar", "uir")) and verb[-4:] != "guir" for verb in verbs)


def test_no_infinitive():
    with pytest.raises(ValueError, match="no infinitive"):
        conjugate("pôr", "present")


def test_what_is_accepted():
    assert accepted_forms("falar", "preterite", 3) == ("falamos", "falámos", "nós falamos", "nós falámos")
    assert accepted_forms("comer", "preterite", 3) == ("comemos", "nós comemos")
    assert accepted_forms("falar", "present", 3) == ("falamos", "nós falamos")
    assert accepted_forms("falar", "present", 2) == ("fala", "ele fala", "ela fala", "você fala")


def test_a_wrong_form_or_pronoun_is_refused():
    task = TASKS["conjugation"]
    forms = accepted_forms("ficar", "preterite", 0)
    p = Problem(task.name, "?", forms[0], "pt-BR", "test", "verb:ficar", forms[1:])
    assert task.check(p, "Eu fiquei.")
    for wrong in ("ficei", "ficou", "fico", "tu fiquei", "fique", "eu fiquei eu", "fiquei ficou"):
        assert not task.check(p, wrong)


def test_a_verb_is_held_out_in_all_its_forms():
    task = TASKS["conjugation"]
    test = {p.key for p in task.problems("test", seed=0, n=2000)}
    assert len(test) > 60
    train = list(task.problems("train", seed=0, n=8000))
    assert not {key.removeprefix("verb:") for key in test} & {
        w for p in train for w in p.prompt.replace('"', " ").split()
    }
