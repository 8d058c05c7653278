"""What the cases of ``version_cases`` are made of: texts, pages of HTML, captures. Changing one renews records
of outputs and asks for no new version, so nothing is taken from elsewhere that changes for other reasons.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Sequence

import pyarrow as pa

HARBOUR = (
    "The harbour master counts the boats twice, once in the morning and once at night. What he writes down is "
    "read by nobody, and yet he has not missed a day in thirty years. When he was asked about it, he said that "
    "somebody should know how many there are."
)
#: Files of a repository, of each kind that readers of code tell apart.
TREE: dict[str, bytes] = {
    "LICENSE": b"MIT License\n\nPermission is hereby granted, free of charge, to any person obtaining a copy\n",
    "README.md": b"# Boats\n\nCounts boats. Licensed under the MIT license.\n",
    "src/count.py": b"def count(boats):\n    return sum(1 for boat in boats)\n",
    "src/wide.rc": b"\xff\xfe" + "IDD_ABOUT DIALOG\n".encode("utf-16-le"),
    "src/latin.c": "/* Größe der Boote, für später */\nint size;\n".encode("latin-1"),
    "src/binary.o": b"\x7fELF\0\0",
    "src/empty.py": b"",
    "src/long.txt": b"boats\n" * 100,
    "data/model.bin": b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 1\n",
    "vendor/lib/COPYING": b"GNU GENERAL PUBLIC LICENSE\nVersion 2, June 1991\n",
    "vendor/lib/lib.c": b"int lib(void) { return 1; }\n",
}
PROSE = {
    "en": HARBOUR,
    "de": "Der Hafenmeister zählt die Boote zweimal, einmal am Morgen und einmal in der Nacht. Was er aufschreibt, "
    "liest niemand, und doch hat er seit dreißig Jahren keinen Tag versäumt.",
    "fr": "Le maître du port compte les bateaux deux fois, le matin et le soir. Personne ne lit ce qu’il écrit ; "
    "pourtant, il n’a pas manqué un seul jour en trente ans.",
    "es": "El capitán del puerto cuenta los barcos dos veces, por la mañana y por la noche. ¿Quién lee lo que "
    "escribe? Nadie, y sin embargo no ha faltado ni un día en treinta años.",
    "pl": "Kapitan portu liczy łodzie dwa razy, rano i w nocy. Nikt nie czyta tego, co zapisuje, a jednak od "
    "trzydziestu lat nie opuścił ani jednego dnia.",
    "ru": "Начальник порта считает лодки дважды, утром и вечером. Никто не читает того, что он пишет, и всё же за "
    "тридцать лет он не пропустил ни одного дня.",
    "el": "Ο λιμενάρχης μετρά τις βάρκες δύο φορές, το πρωί και το βράδυ. Κανείς δεν διαβάζει όσα γράφει.",
    "ar": "يعدّ مدير الميناء القوارب مرتين، مرة في الصباح ومرة في الليل. لا أحد يقرأ ما يكتبه، ومع ذلك لم يغب يوماً "
    "واحداً منذ ثلاثين عاماً.",
    "he": "מנהל הנמל סופר את הסירות פעמיים, פעם בבוקר ופעם בלילה. איש אינו קורא את מה שהוא כותב.",
    "hi": "बंदरगाह का अधिकारी नावों को दो बार गिनता है, एक बार सुबह और एक बार रात में। वह जो लिखता है उसे कोई नहीं पढ़ता।",
    "zh": "港务长每天数两次船，早上一次，晚上一次。他写下来的东西没有人看，可是三十年来他一天也没有缺席。",
    "ja": "港の管理人は船を二度数えます。朝に一度、夜に一度。書いたものを読む人はいませんが、三十年間一日も休んだことがありません。",
    "ko": "항구 관리인은 배를 두 번 셉니다. 아침에 한 번, 밤에 한 번. 그가 적은 것을 읽는 사람은 없지만 삼십 년 동안 하루도 빠지지 않았습니다.",
    "th": "นายท่าเรือนับเรือสองครั้ง ครั้งหนึ่งในตอนเช้าและอีกครั้งในตอนกลางคืน ไม่มีใครอ่านสิ่งที่เขาเขียน",
}
CODE = '''def ferries(crossings, seats=40):
    """How many boats it takes."""
    total = 0
    for crossing in crossings:  # one a day
        total += -(-crossing.people // seats)
    return total
'''
QUESTION = (
    "A ferry carries forty people and makes nine crossings a day, two of them half empty; how many people can "
    "it carry in a week of seven days?"
)
_OTHERS = [
    CODE,
    "#include <stdio.h>\n\nint main(void) {\n\tfor (int i = 0; i < 10; ++i)\n\t\tprintf(\"%d\\n\", i * i);\n}\n",
    "The sum $\\sum_{k=1}^{n} k = \\frac{n(n+1)}{2}$ is old.\n\n\\[ \\int_0^1 x^2\\,dx = \\tfrac13 \\]\n\nEuler: e^{iπ} + 1 = 0.",
    "Buy boats cheap! Cheap boats, best boats, BOATS boats!!! Click here >>> buy cheap boats online www.boats.test\n" * 4,
    "- first\n- second\n* third\n• fourth\n1. fifth\n",
    "This line goes on...\nAnd so does this…\nOnly this one ends.\n",
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit.\n\nBy using this site you accept our cookie policy and the terms of use.",
    "Home | About | Contact\nLog in\nShare on Facebook\n© 2024 All rights reserved. Privacy policy",
    "| harbour | boats |\n|---|---|\n| north | 12 |\n| south | 1,204 |\n",
    "",
    " \n\t\n",
    "a",
    "12 34 56.7 89 % ### === ... !!!",
    "boat\u200bhouse soft\u00adhyphen na\u0308ive ﬁne 👩‍🚀 🇳🇴 \ufeff",
    "AN OLD BOAT IN CAPITALS IS STILL A BOAT, AND NOBODY SHOUTS AT IT FOR LONG.",
    "𝐓𝐡𝐞 𝐡𝐚𝐫𝐛𝐨𝐮𝐫 𝐢𝐬 𝐜𝐥𝐨𝐬𝐞𝐝. Ｔｈｅ ｂｏａｔｓ ｓｔａｙ ａｔ ｈｏｍｅ.",
    "x" * 1200 + " " + "boathouse " * 30,
    "The same paragraph again.\n\n" * 5 + "And one that is not the same.",
    "Write to harbour.master@north-port.net or to mole [at] north-port.net, ring +44 20 7946 0018 or (212) 736-5000.",
    "E-mail:anna@north-port.netPhone: 0171 234 56 78 — Tel. 030 901820, fax 03-3456-7890",
    '85.214.132.117 - - [10/Oct/2024:13:55:36 +0000] "GET /boats HTTP/1.1" 200 2326 "-" "Mozilla/5.0"',
    "Account DE89370400440532013000, card 4539 1488 0343 6467, server 2a01:4f8:c17:b0f::2, version 1.2.3.4",
    "api_key = 'sk_live_9aB3dE5fG7hJ1kL2mN4pQ6rS'\npassword: hunter2\n",
    f"{HARBOUR}\n\n{QUESTION}",
    HARBOUR,  # a copy
    HARBOUR.replace(" ", "  ").replace(". ", ".\n"),  # by another template
    HARBOUR.replace("thirty", "forty"),  # nearly a copy
    PROSE["de"] + " Mehr steht im Hafenbuch.",
    f"{PROSE['ja']}\n{PROSE['en']}\n{PROSE['ja']}",
    "First of all, a line of its own.\n" + PROSE["fr"] + "\n\nThis footer stands on every page of the site.",
    "Second, another line of its own.\n" + PROSE["es"] + "\n\nThis footer stands on every page of the site.",
    "Third, a third line of its own.\n" + PROSE["pl"] + "\n\nThis footer stands on every page of the site.",
    "<|endoftext|> is text here, and so is [SEP] or <s>.",
]  # fmt: skip
TEXTS = [*PROSE.values(), *_OTHERS]
LANGUAGES = [*PROSE, *["en"] * len(_OTHERS)]

URLS = [
    "http://example.com/a", "https://www.Example.com:8080/b?c=d", "http://shop.example.org/list/1",
    "http://example.org/~bad/x", "http://example.net/free-boats", "ftp://sub.allowed.example.com/", "not a url", None,
]  # fmt: skip

_MATHML = '<math xmlns="http://www.w3.org/1998/Math/MathML"{}><mfrac><mi>a</mi><msup><mi>b</mi><mn>2</mn></msup></mfrac></math>'
_BODIES = [
    f"<h1>Boats</h1><p>{HARBOUR}</p><ul><li>one<li>two<ul><li>deep</ul></ul><ol start=3><li>three<li>four</ol>",
    f"<nav><a href=/>Home</a> <a href=/about>About</a></nav><main><article><h1>Boats</h1><p>{HARBOUR}</p><p>{PROSE['de']}"
    "</article></main><aside>Advertisement</aside><footer>© 2024</footer>",
    "<table><caption>Boats</caption><tr><th>Port<th>Boats<tr><td rowspan=2>north<td>12<tr><td>13</table>"
    "<table><tr><td>one cell for layout</table><dl><dt>boat<dd>floats</dl>",
    f"<pre class='language-python'><code>{CODE}</code></pre><p>Use <code>ferries( x )</code> or <kbd>Ctrl+C</kbd>.",
    "<div class=highlight><table><tr><td><pre>1\n2</pre><td><pre>let a = 1;\nlet b;</pre></table></div>"
    "<div style='white-space:pre'>  two\n    four</div><textarea>  kept </textarea>",
    f"<p>So {_MATHML.format('')} and {_MATHML.format(' display=block')} hold.<p><script type='math/tex; mode=display'>"
    "x^2</script><p>Raw \\(y_1\\) and $$z$$ stay.",
    "<p><span class=katex><span class=katex-mathml><math><semantics><mi>c</mi><annotation encoding='application/x-tex'>"
    "c=\\pm a</annotation></semantics></math></span><span class=katex-html aria-hidden=true>c=±a</span></span>"
    "<p><img class=latex alt='\\alpha' src=a.png><img alt='a boat' src=b.png>`a^2+b^2`",
    "<p hidden>unseen</p><p style='display:none'>unseen</p><template>unseen</template><noscript>no script</noscript>"
    "<p>a&nbsp;b &amp; c&shy;d &#x20AC; x<sub>1</sub> y<sup>2</sup><br>line<br><br>line<hr>",
    "<form><input value=v><select><option selected>s<option>t</select><button>Push</button></form><details>"
    "<summary>More</summary>of it</details><blockquote>quoted</blockquote><q>said</q><del>old</del><ins>new</ins>",
    "<svg><title>drawn</title><text>label</text></svg><iframe src=x>frame</iframe><object data=x>instead</object>"
    "<ruby>漢<rt>かん</rt></ruby><bdo dir=rtl>back</bdo><wbr>",
    f"<div><div><span>{PROSE['zh']}</span></div><div>{PROSE['ar']}</div></div><p>unclosed <b>bold <i>both</b> it</p>",
    "",
]
PAGES = [f"<!DOCTYPE html><html><head><title>Page {i}</title></head><body>{b}" for i, b in enumerate(_BODIES)]


def identity(name: str) -> bytes:
    """16 bytes that look as those of a document do."""
    return hashlib.blake2b(name.encode(), digest_size=16).digest()


def documents(texts: Sequence[str | None] = TEXTS, source: str = "") -> pa.Table:
    """A row per text, with what several stages read of documents."""
    count = len(texts)
    columns = {
        "id": pa.array([identity(f"{source}/{number}") for number in range(count)], pa.binary(16)),
        "text": pa.array(texts, pa.string()),
        "url": pa.array([URLS[number % len(URLS)] for number in range(count)], pa.string()),
        "language": pa.array([LANGUAGES[number % len(LANGUAGES)] for number in range(count)], pa.string()),
    }
    return pa.table(columns)


def pages() -> pa.Table:
    """The pages as a reader gives them, and documents without HTML."""
    columns = {
        "html": pa.array([*PAGES, None, None], pa.string()),
        "text": pa.array([None] * len(PAGES) + ["as it $came$", None], pa.string()),
        "url": pa.array(["http://site.test/a"] * (len(PAGES) + 2), pa.string()),
    }
    return pa.table(columns)


def licensed() -> pa.Table:
    """Files of a repository with what stands around them."""
    mit = "The MIT License (MIT)\n\nCopyright (c) 2024 Harbour"
    rows: list[tuple[str, str | None, list[tuple[str, str]], str | None]] = [
        ("a.py", "# SPDX-License-Identifier: MIT OR Apache-2.0\nx = 1\n", [], None),
        (
            "b.c",
            "/* This file is licensed under the GNU GPL, version 2 or later. */\nint b;\n",
            [("LICENSE", mit)],
            None,
        ),
        (
            "src/c.js",
            "export const c = 1\n",
            [("LICENSE", mit), ("package.json", '{"license": "MIT"}')],
            None,
        ),
        ("d.go", "// Copyright. Licensed under the Harbour Licence.\npackage d\n", [("LICENSE", mit)], None),
        ("e.rb", "e = 1\n", [("e.gemspec", 's.license = "BSD-2-Clause"')], None),
        (
            "f.R",
            "f <- 1\n",
            [("README.md", "## License\n\nThis package is released under the GPL-3.\n")],
            None,
        ),
        ("g.pl", "1;\n", [], "Artistic-2.0"),
        ("h.txt", None, [], None),
    ]
    table = documents([text for _, text, _, _ in rows])
    notices = [[{"path": path, "text": text} for path, text in around] for _, _, around, _ in rows]
    kind = pa.list_(pa.struct([("path", pa.string()), ("text", pa.string())]))
    table = table.append_column("path", pa.array([path for path, _, _, _ in rows]))
    table = table.append_column("notices", pa.array(notices, kind))
    return table.append_column("repo_license", pa.array([host for _, _, _, host in rows], pa.string()))


def judged() -> pa.Table:
    """Files with licences, one of them with a copy that has another."""
    groups = ["permissive", "public_domain", "strong_copyleft", "unknown", "permissive", "permissive", None]
    table = documents(TEXTS[: len(groups)])
    table = table.append_column("license", pa.array(["MIT"] * len(groups)))
    table = table.append_column("license_group", pa.array(groups))
    table = table.append_column("license_rank", pa.array([1, 0, 3, 8, 3, 1, None], pa.int64()))
    return table.append_column("license_conflict", pa.array([None] * 5 + ["GPL-2.0-only in LICENSE", None]))


def notebooks() -> pa.Table:
    """Notebooks of two versions and kernels, a damaged one, and a file that is none."""
    printed = {"output_type": "stream", "name": "stdout", "text": ["1\n", "2\n", "3\n", "4\n"]}
    cells = [
        {"cell_type": "markdown", "source": ["# Boats\n", "How many."]},
        {"cell_type": "code", "source": CODE + "%time ferries([])\nn = !ls", "outputs": [printed]},
        {"cell_type": "code", "source": "%%bash\nls", "outputs": []},
    ]
    old = [
        {"cell_type": "heading", "level": 2, "source": "Boats"},
        {"cell_type": "code", "language": "python", "input": "print 4"},
    ]
    found = [
        json.dumps({"cells": cells, "metadata": {}, "nbformat": 4}),
        json.dumps({"cells": cells, "metadata": {"language_info": {"name": "scala"}}, "nbformat": 4}),
        json.dumps({"cells": cells, "metadata": {"language_info": {"name": "Boat"}}, "nbformat": 4}),
        json.dumps({"worksheets": [{"cells": old}], "nbformat": 3}),
        '{"cells": [',
        CODE,
    ]
    languages = ["Jupyter Notebook"] * 5 + ["Python"]
    return pa.table({"text": pa.array(found, pa.string()), "code_language": pa.array(languages, pa.string())})


#: Paths and texts of files in a repository.
FILES: tuple[tuple[str, str | None], ...] = (
    ("ferry/boats.py", CODE),
    ("ferry/tests/test_boats.py", CODE + "\n\ndef test_it():\n    assert ferries([]) == 0  # TODO: more\n"),
    ("vendor/squares/squares.c", _OTHERS[1]),
    ("include/squares.h", "#ifndef SQUARES_H\n#define SQUARES_H\nint squares(int);\n#endif\n"),
    ("include/boats.h", "namespace boats {\nclass Boat { public: int seats; };\n}\n"),
    ("web/boats.min.js", "var a=1;" * 300),
    (
        "web/boats.js",
        "import a from 'a'\nconst b = 'a long string'\nfunction c() { return b }\nconsole.log(c())\n" * 3,
    ),
    (
        "web/index.html",
        "<html><head><title>Boats</title><script>var x</script></head><body><p>All boats</body></html>\n",
    ),
    (
        "api/boats.pb.go",
        "// Code generated by protoc-gen-go. DO NOT EDIT.\npackage boats\n\nfunc F() int { return 1 }\n",
    ),
    (
        "src/Boat.java",
        "package a;\n\nimport b.C;\n\npublic class Boat {\n    private int seats = 4;\n    /** Seats. */\n    public int seats() {\n        return seats;\n    }\n}\n",
    ),
    (
        "src/Boat.cs",
        "using System;\n\nclass Boat {\n    int seats = 4;\n    void Show() { Console.WriteLine(seats); }\n}\n",
    ),
    ("bin/count", '#!/usr/bin/env bash\nset -e\nls "$1" | wc -l\n'),
    ("package-lock.json", '{"lockfileVersion": 3, "packages": {}}'),
    ("README.md", HARBOUR),
    ("data.bin", "\x7fELF\0\0"),
    ("empty.py", ""),
    ("lost.py", None),
)


def code_files() -> pa.Table:
    """The files as a reader of repositories gives them."""
    columns = {
        "text": pa.array([text for _, text in FILES], pa.string()),
        "path": pa.array([path for path, _ in FILES], pa.string()),
        "blob": pa.array(
            [hashlib.sha1((text or path).encode()).hexdigest() for path, text in FILES], pa.string()
        ),
        "bytes": pa.array([len((text or "").encode()) for _, text in FILES], pa.int64()),
    }
    return pa.table(columns)


def secrets() -> pa.Table:
    """Code with secrets that nobody uses, and what looks like some."""
    letters = "Zq7Lw2Rk9Tb4Xn6Vm1Yc8Hd3Jf5Gp0SaEoUi"
    key = letters + letters[:4]
    texts = [
        CODE,
        f'key = "AKIA{"Q7XW2RK5TB4NM6VH"}"\napi_key = "{key}"  # für später\n',
        f"token: {hashlib.sha1(b'boat').hexdigest()}\nsecret: 3f2504e0-4f89-41d3-9a0c-0305e82c3301\n",
        f'"-----BEGIN PRIVATE KEY-----\\n"\n"{key * 3}\\n"\n"-----END PRIVATE KEY-----"\n',
        "postgres://boat:Xq7harb9@db.north-port.net/x\npassword = 'tr0ub4dor&Xe'\n",
        f"Authorization: Bearer {key}\npassword = 'changeme1'\nAKIAIOSFODNN7EXAMPLE\n",
        None,
    ]
    return pa.table({"text": pa.array(texts, pa.string())})


def repositories() -> pa.Table:
    """Files of two repositories that import each other, in no order."""
    files = [
        ("boats/main.py", "Python", "from boats import sail, oar\n"),
        ("boats/oar.py", "Python", "from . import main\n"),
        ("boats/sail.py", "Python", CODE),
        ("src/A.java", "Java", "import b.B;\nimport c.*;\n"),
        ("src/b/B.java", "Java", "package b;\n"),
        ("src/c/C.java", "Java", "package c;"),
        ("x.c", "C", '#include "x.h"\n'),
        ("x.h", "C", ""),
        ("App.cs", "C#", "using Boats;\n"),
        ("Boats.cs", "C#", "namespace Boats;\n"),
        ("README", None, None),
    ]
    paths, languages, texts = (list(column) for column in zip(*files, strict=True))
    count = len(files)
    columns = {
        "repo": ["north/boats"] * 7 + ["south/boats"] * 4,
        "commit": [None] * 7 + ["0" * 40] * 4,
        "path": paths,
        "code_language": languages,
        "license": ["MIT", "MIT", "Apache-2.0 OR MIT", *["MIT"] * 7, None],
    }
    table = documents(texts).drop_columns("language")
    table = table.append_column("language", pa.array(["en", None] * (count // 2) + ["en"], pa.string()))
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values, pa.string()))
    return table


def _record(number: int, block: bytes, kind: str = "response", headers: Sequence[str] = ()) -> bytes:
    """In a gzip member that is stored, not compressed: places in the file are the same with every zlib."""
    lines = [
        "WARC/1.0", f"WARC-Type: {kind}", f"WARC-Target-URI: http://site.test/{number}", "WARC-Date: 2025-03-01T00:00:00Z",
        f"WARC-Record-ID: <urn:uuid:{number}>", f"Content-Length: {len(block)}", *headers,
    ]  # fmt: skip
    packer = zlib.compressobj(0, wbits=31)
    return packer.compress("\r\n".join(lines).encode() + b"\r\n\r\n" + block + b"\r\n\r\n") + packer.flush()


def warc_members() -> list[bytes]:
    """Captures of several kinds, each a member of its own."""
    page = PAGES[0].encode()
    german = f"<meta charset=iso-8859-1><p>{PROSE['de']}".encode("latin-1")
    chunked = b"5\r\n<p>ab\r\n3\r\ncde\r\n0\r\n\r\n"
    web = "Content-Type: application/http; msgtype=response"
    answers = [
        (b"200 OK\r\nContent-Type: text/html; charset=utf-8", page),
        (b"200 OK\r\nContent-Type: text/html", german),
        (b"200 OK\r\nContent-Type: text/html; charset=shift_jis", PROSE["ja"].encode("shift_jis")),
        (b"200 OK\r\nContent-Type: text/html; charset=windows-1251", PROSE["ru"].encode("cp1251")),
        (b"200 OK\r\nContent-Type: text/plain", PROSE["fr"].encode()),
        (b"200 OK", page),
        (b"200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/html", chunked),
        (b"200 OK\r\nContent-Encoding: gzip\r\nContent-Type: text/html", zlib.compress(page, wbits=31)),
        (b"200 OK\r\nContent-Encoding: gzip\r\nContent-Type: text/html", b"\x1f\x8b no gzip"),
        (b"404 Not Found\r\nContent-Type: text/html", page),
        (b"200 OK\r\nContent-Type: image/png", b"\x89PNG\r\n\x1a\n"),
        (b"200 OK\r\nContent-Type: text/html", b" \n"),
    ]
    made = [_record(0, b"software: none\r\n", "warcinfo")]
    made += [
        _record(number, b"HTTP/1.1 " + head + b"\r\n\r\n" + body, headers=[web])
        for number, (head, body) in enumerate(answers, 1)
    ]
    made.append(_record(20, b"HTTP/1.1 200 OK\r\n\r\n" + page, headers=[web, "WARC-Truncated: length"]))
    made.append(_record(21, b"metadata: of it\r\n", "metadata"))
    made.append(_record(22, b"no http", headers=["Content-Type: text/dns"]))
    return made


ROWS = [
    {"text": PROSE["en"], "url": "http://site.test/1", "id": "one", "date": "2024-05-06", "language": "en"},
    {"text": PROSE["ja"], "url": None, "id": 2, "language_score": 0.5, "license": "CC0-1.0"},
    {"html": PAGES[0], "url": "http://site.test/2"},
    {"text": " ", "url": "http://site.test/3"},
    {"url": "http://site.test/4"},
    {"text": "long " * 400, "id": "long"},
    {"text": "a\u0000b", "id": "nul"},
]
