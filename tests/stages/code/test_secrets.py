"""Secrets in code: pieces and look-alikes by rule, redaction, actions, hostile input, and every issuer's form."""

from __future__ import annotations

import base64
import random
import re
import string
import time
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.code.find_secrets import PLACEHOLDER, RULES, secrets
from stages.code.keywords import BEFORE, EXACT, LABEL, SCHEME, WITHIN, Keywords
from stages.code.secrets import Secrets, SecretsConfig
from stages.credentials.forms import FORMS
from stages.text.utf8 import utf8

HEX, B62 = "0123456789abcdef", string.ascii_letters + string.digits


def drawn(alphabet: str, size: int, seed: int = 1) -> str:
    """Nothing that anybody uses."""
    return "".join(random.Random(f"{alphabet}{seed}").choices(alphabet, k=size))


def found(text: str, examples: bool = False) -> list[tuple[str, str]]:
    """Rules and what they found."""
    pieces = []
    for one in secrets(pa.array([text]), examples):
        raw = text.encode()
        pieces += [(secret.rule, raw[secret.start : secret.end].decode()) for secret in one.secrets]
    return pieces


def stage(**config: Any) -> Secrets:
    made = Secrets(SecretsConfig(**config))
    made.open()
    return made


AWS, KEY, HASH = "AKIA" + drawn("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16), drawn(B62, 40), drawn(HEX, 40)
BODY = "\n".join(drawn(B62 + "+/", 64, line) for line in range(12))
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}\n-----END RSA PRIVATE KEY-----"
ENCRYPTED = PEM.replace(
    "KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A1B2C3D\n\n", 1
)
IN_LINES = '"' + PEM.replace("\n", '\\n" +\n    "') + '"'

PIECES = [
    (f'key = "{AWS}"', "aws_access_key", AWS),
    (f"<a>{AWS}</a>", "aws_access_key", AWS),
    (f"aws_secret_access_key={KEY}\n", "labelled_secret", KEY),
    (f'  "apiKey": "{KEY}",', "labelled_secret", KEY),
    (f"API_KEY: {KEY}\n", "labelled_secret", KEY),
    (f"$api_token = '{HASH}';", "labelled_secret", HASH),
    (f'client.setClientSecret("{KEY}");', "labelled_secret", KEY),
    (f'os.environ["SECRET"] = "{KEY}"', "labelled_secret", KEY),
    (f"  token => '{KEY}'", "labelled_secret", KEY),
    (f'if password == "{KEY}" {{', "labelled_secret", KEY),
    (f'const AUTH_TOKEN = "{KEY}" // für später', "labelled_secret", KEY),
    (f"größe = 1\npwd = '{KEY}'", "labelled_secret", KEY),
    ('password = "tr0ub4dor&Xe"', "password", "tr0ub4dor&Xe"),
    ("DB_PASSWD: 'kJ8!wq-Zz4'", "password", "kJ8!wq-Zz4"),
    ("DB_PASSWORD=kJ8!wq-Zz4\n", "password", "kJ8!wq-Zz4"),
    ("url = 'postgres://boat:Xq7harb9@db.north-port.net/x'", "url_password", "Xq7harb9"),
    ("redis://:8Hq2vv1Lp@cache:6379", "url_password", "8Hq2vv1Lp"),
    (f"curl -H 'Authorization: Bearer {KEY}'", "bearer_token", KEY),
    (PEM, "private_key", PEM),
    (ENCRYPTED, "private_key", ENCRYPTED),
    (f"key = {IN_LINES};", "private_key", IN_LINES[1:-1]),
    (f"AccountKey={drawn(B62, 86)}==;", "azure_storage_key", drawn(B62, 86) + "=="),
]
LOGIN = base64.b64encode(b"harbour:Xq7-harb9").decode()

ALIKE = [
    # hashes, identifiers
    f'commit = "{HASH}"',
    f'token_hash = "{HASH}"',
    f'sha256_token = "{drawn(HEX, 64)}"',
    f'token = "{HASH}"',  # of what, nobody says
    'client_secret_id = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"',
    'secret = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"',
    f'"integrity": "sha512-{drawn(B62, 86)}=="',
    f'token: "sha256-{drawn(B62, 43)}="',
    f"golang.org/x/secret v0.1.0 h1:{drawn(B62, 43)}=",
    f'public_key_token = "{KEY}"',
    f'csrf_token = "{KEY}"',
    f'next_page_token = "{KEY}"',
    f'pk_live_{drawn(B62, 24)}',
    "-----BEGIN CERTIFICATE-----\n" + BODY + "\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\n" + BODY + "\n-----END PUBLIC KEY-----",
    "-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN RSA PRIVATE KEY-----\n" + "X" * 200 + "\n-----END RSA PRIVATE KEY-----",
    '"-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"',
    # programs
    "token = getAccessTokenFromRequestHeader2(request)",
    "secret = config.getString(SECRET_KEY_V2)",
    "password = user.password_digest_v2",
    "self.token_type_embeddings = nn.Embedding(config.type_vocab_size, 768)",
    'api_key = os.environ["MY_API_KEY_V2"]',
    'password = "Enter your password, 8 characters:"',
    "if (token.kind === SyntaxKind.OpenBraceToken2) {",
    'tokenizer = Tokenizer.from_file("bpe-32k-v2-final.json")',
    "var passwordField1 = document.getElementById('password-field-1')",
    "secretName: harbour-tls-2024-prod",
    # templates and stand-ins
    'password = "${DB_PASSWORD_1}"',
    "postgres://${USER}:${PASS1234}@host/db",
    "http://%s:%s12@%s/",
    "https://user:<password1>@host",
    "https://user:password1@host",
    "mysql://root:changeme1@localhost",
    'api_key = "YOUR_API_KEY_GOES_HERE_123"',
    'api_key = "xxxxxxxxxxxxxxxxxxxx1a"',
    'secret = "0123456789abcdef0123456789abcdef"',
    "aws_access_key_id = AKIAIOSFODNN7EXAMPLE",
    f'AKIA{"A" * 16}',
    'password = "P@ssw0rd123"',
    f"Authorization: Basic {base64.b64encode(b'user:password1').decode()}",
    f'token = "{base64.b64encode(b"this is a fake token of nobody").decode()}"',
    f'key = "{AWS}"  # gitleaks:allow',
    f'key = "{AWS}"  # pragma: allowlist secret',
    "see https://example.org/a?b=c:d@e",
    "git@github.com:harbour/boats.git",
    # parts of other words
    f"task-{drawn(B62, 48)}",
    f"x{AWS}",
    f"{AWS}7",
]  # fmt: skip


@pytest.mark.parametrize(("text", "rule", "value"), PIECES, ids=range(len(PIECES)))
def test_pieces(text: str, rule: str, value: str) -> None:
    assert found(text) == [(rule, value)]
    around = f"int a;  // {text[:0]}\n{text}\nint b;\n"
    assert found(around) == [(rule, value)]
    done = stage().annotate(pa.table({"text": [around]})).columns
    assert done["text"][0].as_py() == around.replace(value, PLACEHOLDER)
    assert done["secrets"].to_pylist() == [[{"rule": rule, "count": 1}]]
    assert found(done["text"][0].as_py(), examples=True) == []


def test_a_login_in_a_header() -> None:
    assert found(f"Authorization: Basic {LOGIN}\n") == [("basic_login", LOGIN)]


@pytest.mark.parametrize("text", ALIKE, ids=range(len(ALIKE)))
def test_look_alikes(text: str) -> None:
    assert found(text) == []


def test_examples_on_request() -> None:
    text = f'a = "AKIAIOSFODNN7EXAMPLE"\nb = "{AWS}"  # gitleaks:allow\nc = "https://user:password1@host"\n'
    assert [rule for rule, _ in found(text, examples=True)] == ["aws_access_key"] * 2 + ["url_password"]


def _value(pattern: str, rng: random.Random) -> str:
    """Something that a form describes."""

    def one(items: Any) -> str:
        text = ""
        for kind, about in items:
            if kind is _constants.LITERAL:
                text += chr(about)
            elif kind is _constants.IN:
                text += rng.choice(_members(repr(about)) or _remember(about))
            elif kind is _constants.MAX_REPEAT:
                least, most, inner = about
                text += "".join(one(inner) for _ in range(least if most != 1 else rng.randint(least, most)))
            elif kind is _constants.BRANCH:
                text += one(rng.choice(about[1]))
            elif kind is _constants.SUBPATTERN:
                text += one(about[3])
            else:
                raise AssertionError(kind)
        return text

    return one(_parser.parse(pattern))


_SETS: dict[str, str] = {}


def _members(name: str) -> str:
    return _SETS.get(name, "")


def _remember(about: Any) -> str:
    """The characters of a set of a pattern."""
    spans = [value if kind is _constants.RANGE else (value, value) for kind, value in about]
    return _SETS.setdefault(
        repr(about), "".join(chr(code) for low, high in spans for code in range(low, high + 1))
    )


@pytest.mark.parametrize("number", range(len(FORMS)))
def test_every_form_is_found_by_its_signs(number: int) -> None:
    form = FORMS[number]
    rng = random.Random(number)
    seen = 0
    for _ in range(20):
        value = _value(form.pattern, rng)
        if form.rule == "jwt":
            header = base64.urlsafe_b64encode(b'{"alg":"HS256"}').decode().rstrip("=")
            value = ".".join([header, *value.split(".")[1:]])
        if found(f'"{value}"', examples=True):
            # a form of another issuer may be the same, and then comes first
            (rule, piece), *rest = found(f'"{value}"', examples=True)
            assert (rule, rest) == (form.rule, [])
            assert piece in value
            seen += 1
    assert seen >= 18  # the others are by accident of few characters


def test_actions_and_counts() -> None:
    texts = [f'a = "{AWS}"\nb = "{AWS}"\napi_key = "{KEY}"\n', None, "", "naïve 船 " * 3, f'名 = "船 {AWS}"']
    batch = pa.table({"text": pa.array(texts, pa.string())})
    counts = [
        [{"rule": "aws_access_key", "count": 2}, {"rule": "labelled_secret", "count": 1}],
        *([], [], []),
        [{"rule": "aws_access_key", "count": 1}],
    ]
    for action in ("redact", "drop", "annotate"):
        made = stage(action=action)
        columns = made.annotate(batch).columns
        assert columns["secrets"].to_pylist() == counts
        assert set(columns) == set(made.added(made.config).names)
        verdicts = made.judge(batch.append_column("secrets", columns["secrets"]))
        if action == "drop":
            assert verdicts[0] == ("secret", "aws_access_key 2, labelled_secret 1")
        assert [v is not None for v in verdicts] == [action == "drop" and bool(some) for some in counts]
        assert made.judges(made.config) == (action == "drop")
    assert stage().annotate(batch).columns["text"].to_pylist() == [
        'a = "REDACTED_SECRET"\nb = "REDACTED_SECRET"\napi_key = "REDACTED_SECRET"\n',
        *texts[1:4],
        '名 = "船 REDACTED_SECRET"',
    ]
    assert set(RULES) >= {rule for some in counts for rule in (one["rule"] for one in some)}


def test_slices_and_chunks() -> None:
    texts = pa.chunked_array([["x"], [f'"{AWS}"', "y", f'"{AWS}"']])
    whole = stage().annotate(pa.table({"text": texts})).columns["secrets"].to_pylist()
    assert [len(some) for some in whole] == [0, 1, 0, 1]
    part = stage().annotate(pa.table({"text": texts}).slice(2)).columns["secrets"].to_pylist()
    assert part == whole[2:]


WORDS = [
    (b"ab", EXACT),
    (b"b", WITHIN),
    (b"abcA", WITHIN),
    (b"key", LABEL),
    (b"to ", BEFORE),
    (b"://", SCHEME),
]


def by_hand(text: bytes) -> list[tuple[int, int]]:
    """Places and numbers of words, as the module says, in the order of ends."""
    hits = []
    for end in range(1, len(text) + 1):
        for number, (word, kind) in enumerate(WORDS):
            at = end - len(word)
            if at < 0 or text[at:end].lower() != word.lower():
                continue
            if kind in (EXACT, WITHIN) and text[at:end] != word:
                continue
            rest = text[end:]
            if kind == EXACT:
                good = not text[max(0, at - 1) : at].isalnum() and re.match(rb"[A-Za-z0-9_.+/=~:-]{10}", rest)
            elif kind == WITHIN:
                good = True
            elif kind == SCHEME:
                login = re.match(rb"[^\s\0\"'`\]\\/@]*:[^\s\0\"'`\]\\/@]*@", rest[:140])
                good, at = login, end + login.end() - 1 if login else 0
            else:
                value = rb"[^\s\0\"'`\]\\]{8}"
                name = rb"[A-Za-z0-9_.-]{0,24}+(?P<gap>[\s\0\"'`\]\\=:,(>]{0,12}+)"
                found = re.match(name + value if kind == LABEL else value, rest)
                good = found and (kind == BEFORE or re.search(rb"[=:,(>]", found["gap"]))
            if good:
                hits.append((at, number))
    return hits


@settings(deadline=None, max_examples=300)
@given(st.lists(st.lists(st.sampled_from([b"ab", b"abcA", b"A", b"key", b"to ", b"://", b"u:p@", b"=", b'"', b" ",
    b"0123456789", b"c", b"/", b"-_", "ä".encode()]), max_size=24), min_size=1, max_size=4))  # fmt: skip
def test_keywords_by_brute_force(texts: list[list[bytes]]) -> None:
    joined = [b"".join(parts) for parts in texts]
    data, starts = utf8(pa.array([text.decode() for text in joined]))
    rows = Keywords(WORDS).find(data, starts).tolist()
    for number, text in enumerate(joined):
        # words that end in one place come longest first
        mine = sorted((at, word) for row, at, word in rows if row == number)
        assert mine == sorted(by_hand(text)), text


def test_more_keywords_than_there_was_room_for() -> None:
    data, starts = utf8(pa.array(["b" * 10_000]))
    assert np.array_equal(Keywords(WORDS).find(data, starts)[:, 1], np.arange(10_000))


HOSTILE = [
    "eyJ" + "a" * 397 + "-",
    "eyJaaaaaaaaaaa-",
    "-----BEGIN RSA PRIVATE KEY-----",
    "api_key = '",
    "token(token(",
    "passwd=aB3$",
    "://a:b",
    "sk-" + "a" * 47 + "_",
    f'"{AWS}" ',
    "key_key-key_",
    "basic " + "QUFB" * 90 + " ",
]


@pytest.mark.parametrize("piece", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_end(piece: str) -> None:
    text = (piece * (300_000 // len(piece) + 1))[:300_000]
    start = time.process_time()
    stage().annotate(pa.table({"text": [text]}))
    assert time.process_time() - start < 20  # the deadline of a document; a quadratic one takes minutes
