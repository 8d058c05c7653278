"""Streamed pages: pieces that arrive hidden stand where the page's scripts put them, once each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.render import render


def piece(number: str, content: str, prefix: str = "") -> str:
    return f'<div hidden id="{prefix}S:{number}">{content}</div>'


def awaited(number: str, meanwhile: str = "", prefix: str = "") -> str:
    return f'<!--$?--><template id="{prefix}B:{number}"></template>{meanwhile}<!--/$-->'


def text(html: str) -> str:
    return render(html).text


@pytest.mark.parametrize(
    "script",
    [
        '<script>$RC("B:0","S:0")</script>',
        "<script>$RC('B:0', 'S:0')</script>",
        "",
        '<script>$RR("B:0","S:0",[])</script>',
    ],
)
def test_a_piece_stands_in_place_of_what_was_shown_meanwhile(script: str) -> None:
    html = f"<h1>Tides</h1>{awaited('0', 'Loading<p>soon</p>')}<p>foot</p>{piece('0', '<p>High at noon.</p>')}{script}"
    assert text(html) == "Tides\n\nHigh at noon.\n\nfoot"


def test_numbers_need_not_agree_and_pieces_have_pieces() -> None:
    html = (
        f"<main>{awaited('a', 'wait')}</main><footer>foot</footer>"
        f"{piece('3', 'inner')}{piece('f', '<p>outer <template id=P:3></template></p>')}"
        '<script>$RS("S:3","P:3");$RC("B:a","S:f")</script>'
    )
    assert text(html) == "outer inner\n\nfoot"


def test_with_a_prefix_and_boundaries_within_the_fallback() -> None:
    html = (
        f"<main><!--$?--><template id='app-B:0'></template><!--$-->x<!--/$-->y<!--/$--> end</main>"
        f"{piece('0', '<b>there</b>', 'app-')}"
    )
    assert text(html) == "there end"


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        # Comments were taken out: where the fallback ends is not known, so it stays.
        ("<p>a<template id=B:0></template> wait</p><div hidden id=S:0>b</div>", "ab wait"),
        # The place is not there, or only within the piece itself.
        ("<p>a</p><div hidden id='S:0'>b</div>", "a\n\nb"),
        ("<p>a</p><div hidden id='S:0'>b<template id='B:0'></template></div>", "a\n\nb"),
        # Twice the same place.
        ("<template id=B:0></template><template id=B:0></template><div hidden id=S:0>b</div>", "b"),
        ("<p>a</p><div hidden id='S:0'></div>", "a"),
        ("<TEMPLATE ID='B:0'></TEMPLATE><DIV HIDDEN='' ID='S:0'>b</DIV>", "b"),
        # Rows wait within a table.
        (
            "<table><tr><td>a<td>b</tr><template id=P:1></template></table>"
            "<table hidden><tbody id=S:1><tr><td>c<td>d</tbody></table>",
            "a | b\nc | d",
        ),
        ("<p>a</p><table hidden><tbody id=S:1><tr><td>c<td>d</tbody></table>", "a\n\nc | d"),
        # Hidden for other reasons.
        (
            "<p>a</p><div hidden id=S>no</div><div hidden id='TIPS:0'>no</div><table hidden><tr><td>no</table>",
            "a",
        ),
    ],
)
def test_what_is_not_as_it_should_be(html: str, expected: str) -> None:
    assert text(html) == expected


def test_it_is_content() -> None:
    story = "".join(
        f"<p>The tide came in at {hour}, and the boats that had waited went out again.</p>"
        for hour in range(6)
    )
    html = f"<body><nav><a href=/>Home</a> <a href=/b>Blog</a></nav><main>{awaited('0', 'Loading')}</main>{piece('0', story)}"
    assert "came in at 5" in render(html, content="main").text


@given(
    st.lists(
        st.sampled_from(
            [awaited(n, "w") for n in "012"]
            + [piece(n, f"p{n} " + awaited(m)) for n in "012" for m in "012"]
            + ["<p>x</p>"]
        ),
        max_size=8,
    )
)
def test_any_order_ends_and_shows_each_piece_at_most_once(parts: list[str]) -> None:
    shown = text("".join(parts))
    for number in "012":
        assert shown.count(f"p{number}") <= "".join(parts).count(f">p{number}")
