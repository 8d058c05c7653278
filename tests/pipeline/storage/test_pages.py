"""Pages of S3 listings are read as botocore reads them, with a fraction of its work."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse

from pipeline.storage import pages

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    "<Name>b</Name><Prefix>out/</Prefix><KeyCount>2</KeyCount><EncodingType>url</EncodingType>"
    "<IsTruncated>true</IsTruncated><NextContinuationToken>next &amp; more</NextContinuationToken>"
)
FIRST = (
    "<Contents><Key>out/a%26b%20c+d&amp;e/part-1.parquet</Key><LastModified>2026-11-30T14:00:00.000Z"
    "</LastModified><ETag>&quot;0123&#34;</ETag><Size>12</Size>"
    "<Owner><ID>someone</ID></Owner><StorageClass>STANDARD</StorageClass></Contents>"
)
SECOND = (
    '\n  <Contents>\n    <Size>0</Size>\n    <ETag>"x-2"</ETag>\n    <Key>out/ü.json</Key>\n  </Contents>'
)
TAIL = "</ListBucketResult>"


class _Raw:
    def __init__(self, body: bytes) -> None:
        self.body = body

    def stream(self, *_: Any, **__: Any) -> list[bytes]:
        return [self.body]


def _listed(body: str, own: bool) -> tuple[list[tuple[str, int, str]], dict[str, Any]]:
    client = boto3.client("s3", region_name="x", aws_access_key_id="a", aws_secret_access_key="b")
    answer = AWSResponse("http://x", 200, {}, _Raw(body.encode()))
    client.meta.events.register("before-send.s3.ListObjectsV2", lambda **_: answer)
    if own:
        client.meta.events.register(pages.EVENT, pages.take_objects)
    found = client.list_objects_v2(Bucket="b")
    objects = [(one["Key"], one["Size"], one["ETag"]) for one in found.pop("Contents", ())]
    found.pop("ResponseMetadata")
    return objects, found


CDATA = '<Contents><Key><![CDATA[out/a<b]]></Key><ETag>"e"</ETag><Size>1</Size></Contents>'


@pytest.mark.parametrize(
    "objects",
    ["", FIRST, FIRST + SECOND, SECOND, CDATA,
     FIRST + "<CommonPrefixes><Prefix>out/below/</Prefix></CommonPrefixes>"],
)  # fmt: skip
def test_a_page_says_what_botocore_says(objects: str) -> None:
    body = HEAD + objects + TAIL
    assert _listed(body, own=True) == _listed(body, own=False)


def test_a_page_that_lacks_something_is_left_to_botocore() -> None:
    body = (HEAD + FIRST + "<Contents><Key>out/no-etag</Key><Size>1</Size></Contents>" + TAIL).encode()
    answer, into = {"status_code": 200, "body": body}, dict[str, Any]()
    pages.take_objects(answer, into)
    assert (answer["body"], into) == (body, {})


def test_other_answers_are_left_alone() -> None:
    answer = {"status_code": 503, "body": (HEAD + FIRST + TAIL).encode()}
    into: dict[str, Any] = {}
    pages.take_objects(answer, into)
    assert into == {}
    assert answer["body"] == (HEAD + FIRST + TAIL).encode()
