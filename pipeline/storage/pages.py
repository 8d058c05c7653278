"""Reads the objects out of a page of an S3 listing.

botocore takes 20 ms and more for a page of a thousand objects, most of it for fields that nobody asked for; a
snapshot's output has thousands of pages. Only name, size and ETag are taken here, and botocore gets the rest
of the page. A page that is spelt otherwise than expected is left to it as a whole.

Knows the XML of listings; does not know what is in the objects.
"""

from __future__ import annotations

import html
import re
from typing import Any

#: The event of botocore before it parses a page.
EVENT = "before-parse.s3.ListObjectsV2"
_FIRST, _LAST = b"<Contents>", b"</Contents>"
_KEY, _SIZE, _ETAG = (re.compile(rb"<%s>([^<]*)</%s>" % (name, name)) for name in (b"Key", b"Size", b"ETag"))


def take_objects(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    """Move the objects of a page from its XML into what botocore will return."""
    body = response_dict["body"]
    start, stop = body.find(_FIRST), body.rfind(_LAST) + len(_LAST)
    if response_dict["status_code"] != 200 or start < 0 or b"<![CDATA[" in body:
        return
    objects = body[start:stop]
    columns = [[*map(_text, field.findall(objects))] for field in (_KEY, _SIZE, _ETAG)]
    if {len(column) for column in columns} != {objects.count(_FIRST)}:
        return
    customized_response_dict["Contents"] = [
        {"Key": key, "Size": int(size), "ETag": etag} for key, size, etag in zip(*columns, strict=True)
    ]
    response_dict["body"] = body[:start] + body[stop:]


def _text(value: bytes) -> str:
    text = value.decode()
    return html.unescape(text) if "&" in text else text
