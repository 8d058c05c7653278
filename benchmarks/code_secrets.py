"""Claim: ``secrets`` searches code at 50 MB/s on one core and more, and in twelve real repositories finds
nothing that only looks like a secret, outside the fixtures of a secret scanner and of an HTTP client.

    git clone --bare … $NANOCORPUS_DATA/code/OWNER+NAME      # the twelve of benchmarks/lib/trees.py
    pip install detect-secrets                               # if it is to be measured beside it

**Speed**: megabytes of UTF-8 a second of processor time, over all text files of HEAD, counting and redacting.
detect-secrets gets every fiftieth of them, with the plugins and filters that it has by default.

**Hits**: every one outside of gitleaks and curl is in ``LISTED``, with what it is; the run fails where there
is another, or one of these is not found. All are keys and tokens of tests and of documentation: nobody can
tell from the text that they open nothing. Of gitleaks and curl, whose files are full of them on purpose, the
numbers by rule are printed.

In 56,620 files, 512 MB, of about a hundred other repositories, none of which a rule was changed for, it found
two things that are no key, password or token: a login of the specification of HTTP, again and again, which is
known as an example since then, and a hash of PostgreSQL's form ``md5…`` in a variable named as a password.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import pyarrow as pa

from benchmarks.lib import trees
from benchmarks.lib.pages import line
from stages.code.find_secrets import secrets
from stages.code.secrets import Secrets, SecretsConfig

NEEDS = ("git!", "data:code")
FLOORS = {"MB/s": 50.0}
CEILINGS = {"hits that are not listed, or listed and not there": 0}

BATCH, LARGEST = 256, 3_000_000
FIXTURES = ("gitleaks/gitleaks", "curl/curl")
CLI, JERSEY, LABELLED = "docker/cli", "eclipse-ee4j/jersey", "labelled_secret"
SIGNATURE, OAUTH1 = "security/oauth1-signature/src", "java/org/glassfish/jersey/oauth1/signature"
CLIENT = "security/oauth2-client/src/main/java/org/glassfish/jersey/client/oauth2"
TESTS = "tests/e2e/src/test/java/org/glassfish/jersey/tests/e2e/oauth"
#: Repository, path, rule, how often, and what it is.
LISTED = (
    (CLI, "cli/command/swarm/ca_test.go", "private_key", 1, "key of a test"),
    (CLI, "cmd/docker-trust/trust/key_load_test.go", "private_key", 2, "keys of a test"),
    (CLI, "e2e/context/context_test.go", "private_key", 1, "key of a test"),
    (CLI, "internal/oauth/manager/manager_test.go", "jwt", 1, "token of a test"),
    (
        JERSEY,
        f"{SIGNATURE}/main/{OAUTH1}/OAuth1Signature.java",
        LABELLED,
        3,
        "example of the OAuth specification",
    ),
    (JERSEY, f"{SIGNATURE}/test/{OAUTH1}/SignatureTest.java", LABELLED, 5, "the same in a test"),
    (JERSEY, f"{CLIENT}/OAuth2ClientFeature.java", LABELLED, 1, "token in documentation"),
    (JERSEY, f"{CLIENT}/OAuth2ClientSupport.java", LABELLED, 1, "token in documentation"),
    (JERSEY, f"{TESTS}/AccessTokenResource.java", LABELLED, 2, "example of the OAuth specification"),
    (
        JERSEY,
        f"{TESTS}/OauthClientAuthorizationFlowTest.java",
        LABELLED,
        5,
        "example of the OAuth specification",
    ),
    (JERSEY, f"{TESTS}/PhotosResource.java", LABELLED, 2, "example of the OAuth specification"),
    (JERSEY, f"{TESTS}/RequestTokenResource.java", LABELLED, 1, "example of the OAuth specification"),
)

Texts = dict[str, list[tuple[str, str]]]  # by repository: path and text


def read() -> Texts:
    found: Texts = {}
    for repo in trees.TWELVE:
        small = [file for file in trees.files(repo) if file.size <= LARGEST]
        both = ((file.path, trees.text(content)) for file, content in trees.read(small))
        found[repo] = [(path, text) for path, text in both if text is not None]
    return found


def hits(texts: Texts) -> Counter[tuple[str, str, str]]:
    """By repository, path and rule."""
    found: Counter[tuple[str, str, str]] = Counter()
    for repo, files in texts.items():
        for one in secrets(pa.array([text for _, text in files])):
            found.update((repo, files[one.row][0], secret.rule) for secret in one.secrets)
    return found


def speed(texts: Texts) -> float:
    """MB/s of the stage."""
    stage = Secrets(SecretsConfig())
    stage.open()
    column = pa.array([text for files in texts.values() for _, text in files], pa.string())
    batches = [pa.table({"text": column.slice(at, BATCH)}) for at in range(0, len(column), BATCH)]
    stage.annotate(batches[0])
    start = time.process_time()
    for batch in batches:
        stage.annotate(batch)
    return sum(batch.nbytes for batch in batches) / 1e6 / (time.process_time() - start)


def peer(texts: Texts) -> float:
    """MB/s of detect-secrets over every fiftieth file."""
    from detect_secrets import SecretsCollection
    from detect_secrets.settings import default_settings

    some = [text for files in texts.values() for _, text in files][::50]
    with tempfile.TemporaryDirectory() as folder, default_settings():
        for number, text in enumerate(some):
            Path(folder, str(number)).write_text(text, encoding="utf-8")
        found = SecretsCollection()
        found.scan_file(f"{folder}/0")
        start = time.process_time()
        for number in range(len(some)):
            found.scan_file(f"{folder}/{number}")
        return sum(len(text.encode()) for text in some) / 1e6 / (time.process_time() - start)


def main() -> int:
    texts = read()
    size = sum(len(text.encode()) for files in texts.values() for _, text in files)
    print(f"{sum(map(len, texts.values()))} files, {size / 1e6:.1f} MB")
    found = hits(texts)
    for repo in FIXTURES:
        rules = Counter[str]()
        for (where, _, rule), count in found.items():
            rules[rule] += count if where == repo else 0
        print(f"  {repo}: {', '.join(f'{rule} {n}' for rule, n in rules.most_common() if n)}")
    listed = {(repo, path, rule): count for repo, path, rule, count, _ in LISTED}
    outside = {key: count for key, count in found.items() if key[0] not in FIXTURES}
    for repo, path, rule, count, what in LISTED:
        print(f"  {repo} {path}: {rule} {count}, {what}")
    wrong = {key for key in listed.keys() | outside.keys() if listed.get(key, 0) != outside.get(key, 0)}
    for key in sorted(wrong):
        print(f"  {' '.join(key)}: found {outside.get(key, 0)}, listed {listed.get(key, 0)}")
    ours = speed(texts)
    theirs = peer(texts) if find_spec("detect_secrets") else None
    good = line("MB/s", ours, theirs or FLOORS["MB/s"], FLOORS["MB/s"], ours)
    print(f"{sum(outside.values())} hits outside of fixtures, {len(wrong)} not as listed")
    return int(not good or bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
