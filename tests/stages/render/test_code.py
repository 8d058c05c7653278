"""Code finder: each highlighter's markup in snippets of our own, read by a small independent printer."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser, LexborNode

from stages.render.code import Code, find
from stages.render.searching import Source

_BLOCKS = {"div", "li", "p", "tr", "table", "ol", "ul", "figure", "section", "h1", "h2"}


def _printed(html: str) -> tuple[list[tuple[str | None, str]], str]:
    """Blocks of code as (language, text), and all other text on one line."""
    tree = LexborHTMLParser(html)
    code = find(tree, Source(html.encode()), {})
    blocks: list[tuple[str | None, str]] = []
    prose: list[str] = []

    def verbatim(node: LexborNode, out: list[str]) -> None:
        for child in node.iter(include_text=True):
            if child.is_text_node:
                out.append(child.text_content or "")
            elif child.mem_id in code.skip:
                continue
            elif child.tag == "br":
                out.append("\n")
            else:
                if child.tag in _BLOCKS and out and not out[-1].endswith("\n"):
                    out.append("\n")
                verbatim(child, out)
                if child.tag in _BLOCKS and out and not out[-1].endswith("\n"):
                    out.append("\n")

    def walk(node: LexborNode) -> None:
        for child in node.iter(include_text=True):
            if child.is_text_node:
                prose.append(child.text_content or "")
                continue
            if child.mem_id in code.skip or child.tag in ("script", "style", "textarea"):
                continue
            if child.tag == "pre" or child.mem_id in code.preformatted:
                out: list[str] = []
                if child.mem_id in code.listings:
                    out.append(code.listings[child.mem_id])
                else:
                    verbatim(child, out)
                text = "".join(out).replace("\xa0", " ").rstrip()
                blocks.append((code.languages.get(child.mem_id), re.sub(r"\A(?:[ \t]*\n)+", "", text)))
            else:
                prose.append(" ")
                walk(child)

    assert tree.body is not None
    walk(tree.body)
    return blocks, " ".join("".join(prose).split())


CODE = "def f(x):\n    if x:\n        return 1\n\n    return 2"
LINES = CODE.split("\n")
NUMBERS = "\n".join(str(i + 1) for i in range(len(LINES)))
NBSP = "\xa0"


def _marked(code: str) -> str:
    """With spans as a highlighter sets them."""
    return code.replace("return", '<span class="k">return</span>').replace("1", '<span class="mi">1</span>')


def _lines(form: str, joint: str = "", code: str = CODE) -> str:
    """``form`` once per line: %L the line with spans, %N its number, %S the line indented by no-break spaces."""
    return joint.join(
        form.replace("%L", _marked(line)).replace("%N", str(i)).replace("%S", line.replace("    ", NBSP * 4))
        for i, line in enumerate(code.split("\n"), 1)
    )


#: Name of the markup, the html, the language.
MARKUP: list[tuple[str, str, str | None]] = [
    ("plain", f"<pre>{CODE}</pre>", None),
    ("html5", f'<pre><code class="language-python">{_marked(CODE)}</code></pre>', "python"),
    (
        "pygments table",
        f'<div class="highlight-python notranslate"><table class="highlighttable"><tr><td class="linenos"><div class="linenodiv"><pre>{NUMBERS}</pre></div></td><td class="code"><div class="highlight"><pre><span></span>{_marked(CODE)}\n</pre></div></td></tr></table></div>',
        "python",
    ),
    (
        "pygments table, numbers in spans",
        '<div class="highlight"><table class="highlighttable"><tr><td class="linenos"><div class="linenodiv"><pre>'
        + _lines('<span class="normal">%N</span>', "\n")
        + f'</pre></div></td><td class="code"><div><pre>{_marked(CODE)}</pre></div></td></tr></table></div>',
        None,
    ),
    (
        "pygments inline",
        '<div class="highlight-py3"><div class="highlight"><pre>'
        + _lines('<span class="linenos">%N</span>%L\n')
        + "</pre></div></div>",
        "python",
    ),
    (
        "pygments inline, padded",
        '<div class="highlight"><pre><code class="language-py">'
        + _lines('<span class="lineno" data-line="%N"> %N </span>%L', "\n")
        + "</code></pre></div>",
        "python",
    ),
    (
        "rouge table in a pre",
        f'<div class="language-python highlighter-rouge"><div class="highlight"><pre class="highlight"><code><table class="rouge-table"><tbody><tr><td class="rouge-gutter gl"><pre class="lineno">{NUMBERS}\n</pre></td><td class="rouge-code"><pre>{_marked(CODE)}\n</pre></td></tr></tbody></table></code></pre></div></div>',
        "python",
    ),
    (
        "jekyll figure",
        f'<figure class="highlight"><pre><code class="language-ruby" data-lang="ruby"><table class="rouge-table"><tbody><tr><td class="gutter gl"><pre class="lineno">{NUMBERS}\n</pre></td><td class="code"><pre>{_marked(CODE)}\n</pre></td></tr></tbody></table></code></pre></figure>',
        "ruby",
    ),
    (
        "octopress",
        '<figure class="code"><div class="highlight"><table><tr><td class="gutter"><pre class="line-numbers">'
        + _lines('<span class="line-number">%N</span>\n')
        + '</pre></td><td class="code"><pre><code class="python">'
        + _lines('<span class="line">%L</span>\n')
        + "</code></pre></td></tr></table></div></figure>",
        "python",
    ),
    (
        "hexo",
        '<figure class="highlight js"><table><tr><td class="gutter"><pre>'
        + _lines('<span class="line">%N</span><br>')
        + '</pre></td><td class="code"><pre>'
        + _lines('<span class="line">%L</span><br>')
        + "</pre></td></tr></table></figure>",
        "javascript",
    ),
    (
        "chroma table",
        '<div class="highlight"><div class="chroma"><table class="lntable"><tr><td class="lntd"><pre tabindex="0" class="chroma"><code>'
        + _lines('<span class="lnt">%N\n</span>')
        + f'</code></pre></td><td class="lntd"><pre tabindex="0" class="chroma"><code class="language-go" data-lang="go">{_marked(CODE)}\n</code></pre></td></tr></table></div></div>',
        "go",
    ),
    (
        "chroma inline",
        '<div class="highlight"><pre tabindex="0" class="chroma"><code class="language-go" data-lang="go">'
        + _lines('<span class="line"><span class="ln">%N</span><span class="cl">%L\n</span></span>')
        + "</code></pre></div>",
        "go",
    ),
    (
        "syntaxhighlighter 3",
        '<div><div id="highlighter_1" class="syntaxhighlighter  python"><div class="toolbar"><span><a href="#" class="toolbar_item command_help help">?</a></span></div><table border="0"><tbody><tr><td class="gutter">'
        + _lines('<div class="line number%N index0 alt2">%N</div>')
        + '</td><td class="code"><div class="container">'
        + _lines('<div class="line number%N index0 alt2"><code class="py plain">%S</code></div>').replace(
            "></code>", ">&nbsp;</code>"
        )
        + "</div></td></tr></tbody></table></div></div>",
        "python",
    ),
    (
        "syntaxhighlighter 2",
        '<div class="syntaxhighlighter"><div class="lines">'
        + _lines(
            '<div class="line alt1"><table><tr><td class="number"><code>%N</code></td><td class="content"><code class="plain">%S</code></td></tr></table></div>'
        )
        + "</div></div>",
        None,
    ),
    (
        "syntaxhighlighter 1",
        '<div class="dp-highlighter"><div class="bar"><div class="tools"></div></div><ol start="1" class="dp-py">'
        + _lines('<li class="alt"><span>%S</span></li>')
        + "</ol></div>",
        None,
    ),
    ("syntaxhighlighter source", f'<pre class="brush: py; gutter: true">{CODE}</pre>', "python"),
    (
        "confluence",
        f'<div class="code panel"><div class="codeContent panelContent pdl"><pre class="syntaxhighlighter-pre" data-syntaxhighlighter-params="brush: java; gutter: false">{CODE}</pre></div></div>',
        "java",
    ),
    (
        "prism",
        f'<div class="code-toolbar"><pre class="line-numbers language-python"><code class="language-python">{_marked(CODE)}<span aria-hidden="true" class="line-numbers-rows"><span></span><span></span></span></code></pre><div class="toolbar"><div class="toolbar-item"><span>Python</span></div><div class="toolbar-item"><button>Copy</button></div></div></div>',
        "python",
    ),
    (
        "highlight.js line numbers",
        '<pre><code class="hljs python"><table class="hljs-ln"><tbody>'
        + _lines(
            '<tr><td class="hljs-ln-line hljs-ln-numbers" data-line-number="%N"><div class="hljs-ln-n" data-line-number="%N"></div></td><td class="hljs-ln-line hljs-ln-code" data-line-number="%N">%L</td></tr>'
        )
        + "</tbody></table></code></pre>",
        "python",
    ),
    (
        "github blob",
        '<table class="highlight tab-size js-file-line-container" data-tab-size="8">\n  '
        + _lines(
            '<tr>\n  <td id="L%N" class="blob-num js-line-number" data-line-number="%N"></td>\n  <td id="LC%N" class="blob-code blob-code-inner js-file-line">%L</td>\n  </tr>\n'
        )
        + "</table>",
        None,
    ),
    (
        "gist",
        '<div class="gist"><div class="blob-wrapper data type-python"><table class="highlight"><tbody>'
        + _lines('<tr><td class="blob-num">%N</td><td class="blob-code">%L\n</td></tr>')
        + '</tbody></table></div><div class="gist-meta"><a>view raw</a> <a>f.py</a> hosted with love by a host</div></div>',
        "python",
    ),
    (
        "github react",
        '<div class="react-code-file-contents"><div class="react-line-numbers">'
        + _lines('<div class="react-line-number react-code-text" data-line-number="%N">%N</div>')
        + '</div><div class="react-code-lines">'
        + _lines(
            '<div class="react-code-text react-code-line-contents"><div><div id="LC%N" class="react-file-line html-div">%L</div></div></div>'
        )
        + "</div></div>",
        None,
    ),
    (
        "github readme",
        f'<div class="highlight highlight-source-python notranslate"><pre>{_marked(CODE)}</pre><div class="zeroclipboard-container"><clipboard-copy aria-label="Copy" class="ClipboardButton btn"></clipboard-copy></div></div>',
        "python",
    ),
    (
        "gitlab",
        '<div class="blob-content file-content code js-syntax-highlight"><div class="line-numbers">'
        + _lines('<a class="file-line-num diff-line-num" href="#L%N"><i></i>\n%N\n</a>')
        + '</div><div class="blob-content"><pre class="code highlight"><code>'
        + _lines('<span id="LC%N" class="line" lang="python">%L</span>', "\n")
        + "</code></pre></div></div>",
        None,
    ),
    (
        "cgit",
        "<table summary='blob content' class='blob'><tr><td class='linenumbers'><pre>"
        + _lines("<a id='n%N' href='#n%N'>%N</a>\n")
        + f"</pre></td><td class='lines'><pre><code>{_marked(CODE)}\n</code></pre></td></tr></table>",
        None,
    ),
    (
        "gitiles",
        '<table class="FileContents">'
        + _lines(
            '<tr class="u-pre u-monospace FileContents-line"><td class="u-lineNum u-noSelect FileContents-lineNum" data-line-number="%N"></td><td class="FileContents-lineContents" id="%N">%L</td></tr>'
        )
        + "</table>",
        None,
    ),
    (
        "crayon",
        '<div id="crayon-1" class="crayon-syntax crayon-theme-classic"><div class="crayon-toolbar"><div class="crayon-tools"><div class="crayon-button crayon-copy-button"></div><span class="crayon-language">Python</span></div></div><div class="crayon-plain-wrap"><textarea class="crayon-plain">x</textarea></div><div class="crayon-main"><table class="crayon-table"><tr class="crayon-row"><td class="crayon-nums"><div class="crayon-nums-content">'
        + _lines('<div class="crayon-num" data-line="c-%N">%N</div>')
        + '</div></td><td class="crayon-code"><div class="crayon-pre">'
        + _lines('<div class="crayon-line" id="c-%N"><span class="crayon-h">%S</span></div>').replace(
            "></span>", ">&nbsp;</span>"
        )
        + "</div></td></tr></table></div></div>",
        None,
    ),
    (
        "wp-geshi",
        f'<div class="wp_syntax"><table><tr><td class="line_numbers"><pre>{NUMBERS}\n</pre></td><td class="code"><pre class="python" style="font-family:monospace;">{_marked(CODE)}</pre></td></tr></table></div>',
        "python",
    ),
    (
        "prettify",
        '<pre class="prettyprint linenums lang-py"><ol class="linenums">'
        + _lines('<li class="L%N"><span class="pln">%L</span></li>')
        + "</ol></pre>",
        "python",
    ),
    (
        "onebox",
        '<aside class="onebox githubblob"><pre class="onebox"><code class="lang-rb">\n<ol class="start lines" start="1">\n'
        + _lines("<li>%L</li>\n")
        + "</ol>\n</code></pre></aside>",
        "ruby",
    ),
    (
        "codemirror 5",
        '<div class="CodeMirror cm-s-default"><div style="height:0"><textarea></textarea></div><div class="CodeMirror-code">'
        + _lines(
            '<div style="position: relative;"><div class="CodeMirror-gutter-wrapper"><div class="CodeMirror-linenumber CodeMirror-gutter-elt">%N</div></div><pre class=" CodeMirror-line "><span>%L</span></pre></div>'
        ).replace("<span></span>", "<span>\u200b</span>")
        + "</div></div>",
        None,
    ),
    (
        "codemirror 6",
        '<div class="cm-editor"><div class="cm-scroller"><div class="cm-content">'
        + _lines('<div class="cm-line">%L</div>').replace("></div>", "><br></div>")
        + "</div></div></div>",
        None,
    ),
    (
        "doxygen",
        '<div class="fragment">'
        + _lines('<div class="line"><a name="l%N"></a><span class="lineno"> %N</span>&#160;%S</div>\n')
        + "</div>",
        None,
    ),
    (
        "doxygen, no numbers",
        '<div class="fragment">' + _lines('<div class="line">%S</div>\n') + "</div><!-- fragment -->",
        None,
    ),
    (
        "stack exchange",
        f'<pre class="lang-py s-code-block"><code class="hljs language-python">{_marked(CODE)}\n</code></pre>',
        "python",
    ),
    (
        "mdn",
        f'<div class="code-example"><div class="example-header"><span class="language-name">js</span><button type="button" class="icon copy-icon"><span class="visually-hidden">Copy to Clipboard</span></button></div><pre class="brush: js notranslate"><code>{_marked(CODE)}\n</code></pre></div>',
        "javascript",
    ),
    (
        "docusaurus",
        '<div class="language-bash codeBlockContainer_x theme-code-block"><div class="codeBlockContent_y"><pre tabindex="0" class="prism-code language-bash codeBlock_z thin-scrollbar"><code class="codeBlockLines_w">'
        + _lines(
            '<span class="token-line" style="color:#393A34"><span class="token plain">%L</span><br></span>'
        )
        + '</code></pre><div class="buttonGroup_v"><button type="button" aria-label="Copy code to clipboard" title="Copy" class="clean-btn"><span aria-hidden="true"></span></button></div></div></div>',
        "bash",
    ),
    (
        "prism-react-renderer",
        '<pre class="prism-code language-tsx">'
        + _lines('<div class="token-line" style="color:#fff">%L</div>')
        + "</pre>",
        "typescript",
    ),
    (
        "vitepress",
        '<div class="language-ts line-numbers-mode"><button title="Copy Code" class="copy"></button><span class="lang">ts</span><pre class="shiki vp-code"><code>'
        + _lines('<span class="line">%L</span>', "\n")
        + '</code></pre><div class="line-numbers-wrapper" aria-hidden="true">'
        + _lines('<span class="line-number">%N</span><br>')
        + "</div></div>",
        "typescript",
    ),
    (
        "discourse",
        f'<pre class="codeblock-buttons"><div class="codeblock-button-wrapper"><button class="btn copy-cmd" aria-label="copy the contents to clipboard"></button></div><code class="lang-python">{CODE}\n</code></pre>',
        "python",
    ),
    (
        "medium",
        '<pre class="hm hn ho cf"><span id="1b" class="jx jy" data-selectable-paragraph="">'
        + _lines("%L", "<br>")
        + "</span></pre>",
        None,
    ),
    (
        "msdn",
        f'<div class="codeHeader" data-bi-name="code-header"><span class="language">C#</span><button type="button" class="action position-relative" data-bi-name="copy"><span>Copy</span></button></div><pre tabindex="0" class="has-inner-focus"><code class="lang-csharp" data-author-content="x"><span>{_marked(CODE)}</span></code></pre>',
        "c#",
    ),
    (
        "w3schools",
        '<div class="w3-code notranslate pythonHigh"><span>\n' + _lines("  %S", "<br>\n") + "</span></div>",
        None,
    ),
    ("blog code with breaks", "<p><code>" + _lines("%S", "<br>\n") + "</code></p>", None),
    (
        "nbconvert",
        f'<div class="cell"><div class="prompt input_prompt">In&nbsp;[5]:</div><div class="inner_cell"><div class="input_area"><div class="highlight hl-ipython3"><pre><span></span>{_marked(CODE)}\n</pre></div></div></div></div>',
        None,
    ),
    (
        "jupyterlab",
        f'<div class="jp-Cell-inputWrapper"><div class="jp-InputPrompt jp-InputArea-prompt">In [ ]:</div><div class="CodeMirror cm-s-jupyter"><div class="highlight hl-python"><pre>{_marked(CODE)}\n</pre></div></div></div>',
        None,
    ),
    (
        "javadoc source",
        "<pre>" + _lines('<span class="source-line-no">00%N</span><span id="line-%N">%L</span>\n') + "</pre>",
        None,
    ),
    (
        "javadoc source, old",
        "<pre>" + _lines('<span class="sourceLineNo">00%N</span>%L<a name="line.%N"></a>\n') + "</pre>",
        None,
    ),
    ("opengrok", "<pre>" + _lines('<a class="l" name="%N" href="#%N">%N</a>%L\n') + "</pre>", None),
    (
        "mediawiki",
        '<div class="mw-highlight mw-highlight-lang-python mw-content-ltr" dir="ltr"><pre>'
        + _lines('<span class="linenos" data-line="%N"></span>%L', "\n")
        + "</pre></div>",
        "python",
    ),
    (
        "react-syntax-highlighter",
        '<pre><code class="language-js">'
        + _lines('<span class="linenumber react-syntax-highlighter-line-number">%N</span><span>%L\n</span>')
        + "</code></pre>",
        "javascript",
    ),
    (
        "pandoc",
        '<div class="sourceCode" id="cb1"><pre class="sourceCode python"><code class="sourceCode python">'
        + _lines('<span id="cb1-%N"><a href="#cb1-%N" aria-hidden="true"></a>%L</span>', "\n")
        + "</code></pre></div>",
        "python",
    ),
    ("org mode", f'<div class="org-src-container"><pre class="src src-C++">{CODE}</pre></div>', "c++"),
    ("wordpress lang attribute", f'<pre lang="PHP">{CODE}</pre>', "php"),
    ("capitals", f'<PRE><CODE CLASS="language-SQL">{CODE}</CODE></PRE>', "sql"),
    (
        "unmarked cells",
        f"<table><tr><td><pre>{NUMBERS}</pre></td><td><pre>{CODE}</pre></td></tr></table>",
        None,
    ),
    (
        "unmarked cell with breaks",
        f"<table><tr><td>{NUMBERS.replace(chr(10), '<br>')}</td><td><div><pre>{CODE}</pre></div></td></tr></table>",
        None,
    ),
    ("unmarked pre beside", f'<div style="display:flex"><pre>{NUMBERS}</pre><pre>{CODE}</pre></div>', None),
    ("unmarked rows", "<table>" + _lines("<tr><td>%N</td><td><pre>%L</pre></td></tr>") + "</table>", None),
    ("white-space: pre", f'<div style="font-family: Menlo; white-space: pre;">{CODE}</div>', None),
    ("white-space: pre-wrap, shape of code", f'<div style="white-space:pre-wrap">{CODE}</div>', None),
    (
        "pasted from an editor",
        "<div style=\"color:#d4d4d4;font-family:Consolas, 'Courier New', monospace;white-space:pre;\">"
        + _lines("<div><span>%L</span></div>").replace("<div><span></span></div>", "<br>")
        + "</div>",
        None,
    ),
]


@pytest.mark.parametrize(
    ("html", "language"), [case[1:] for case in MARKUP], ids=[case[0] for case in MARKUP]
)
def test_markup(html: str, language: str | None) -> None:
    blocks, prose = _printed(f"<html><body><div><p>before</p>{html}<p>after</p></div></body></html>")
    assert blocks == [(language, CODE)]
    assert prose == "before after"


def test_tabs_stay() -> None:
    code = "func main() {\n\tif x {\n\t\treturn\n\t}\n}"
    table = (
        '<table class="highlight">'
        + _lines('<tr><td class="blob-num">%N</td><td class="blob-code">%L</td></tr>', code=code)
        + "</table>"
    )
    assert _printed(table)[0] == [(None, code)]


def test_diff_keeps_its_marks() -> None:
    html = (
        '<table class="diff-table"><tr><td class="blob-num">1</td><td class="blob-code" data-code-marker="-">a = 1</td></tr>'
        '<tr><td class="blob-num">1</td><td class="blob-code"><span class="blob-code-inner" data-code-marker="+">a = 2</span></td></tr></table>'
    )
    assert _printed(html)[0] == [(None, "-a = 1\n+a = 2")]


@pytest.mark.parametrize(
    "html",
    [
        "<pre>1\n2\n3</pre>",
        "<pre>for i in 1, 2, 3: print(i)</pre><p>prints</p><pre>1\n2\n3</pre>",
        "<pre>for i in range(3):\n    n = i + 1\n    print(n)</pre><pre>1\n2\n3</pre>",
        "<table><tr><th>Input</th><th>Output</th></tr><tr><td><pre>1\n2\n3</pre></td><td><pre>yes\nno\nyes</pre></td></tr></table>",
        "<table><tr><td><pre>1\n2\n3</pre></td><td><pre>x(1)\nx(2)\nx(3)</pre></td></tr><tr><td><pre>7</pre></td><td><pre>8</pre></td></tr></table>",
        "<table><tr><td>1</td><td>apples</td></tr><tr><td>2</td><td>pears</td></tr></table><pre>x = 1;</pre>",
        "<table><tr><td>1</td><td><code>ls -l</code></td></tr><tr><td>2</td><td><code>cd /</code></td></tr></table><pre>x</pre>",
        "<table><tr><th>No.</th><th>Code</th></tr><tr><td>1</td><td><pre>f(1);</pre></td></tr><tr><td>2</td><td><pre>f(2);</pre></td></tr></table>",
        "<table><tr><td>1</td><td><pre>f(1);</pre></td><td>first</td></tr><tr><td>2</td><td><pre>f(2);</pre></td><td>second</td></tr></table>",
        "<ol><li>1</li><li>2</li></ol><pre>f(1);\nf(2);</pre>",
        '<pre>x[<span class="mi">1</span>] = <span class="number">2</span></pre>',
        '<div class="gutter">Advertisement 3</div><pre>x = 1;</pre>',
        '<div class="row gutter"><p>1</p></div><pre>x = 1;\ny = 2;</pre><p class="lineno-note">3</p>',
        '<p class="body-copy">Copy this text with care.</p><pre>x = 1;</pre><p class="copyright">2024</p>',
        '<div class="prompt">Write a poem of 3 lines.</div><pre>x = 1;</pre>',
        '<div class="lang">English</div><pre>x = 1;</pre>',
        '<pre>see <span class="lineno">line 3</span></pre>',
    ],
)
def test_in_doubt_all_text_stays(html: str) -> None:
    tree = LexborHTMLParser(html)
    code = find(tree, Source(html.encode()), {})
    assert code.skip == set()
    assert code.listings == {}


def test_box_of_another_kind_is_left_alone() -> None:
    html = f'<div class="fragment"><p>A slide with a sentence.</p><pre>{CODE}</pre></div>'
    tree = LexborHTMLParser(html)
    assert find(tree, Source(html.encode()), {}).preformatted == set()


def test_buttons_and_labels_go() -> None:
    html = (
        '<div class="snippet"><div class="header"><span class="lang-label">Python</span><a class="copy-link">Copy code</a></div>'
        "<pre>x = 1<button>Run</button></pre></div>"
    )
    assert _printed(html) == ([(None, "x = 1")], "")


@pytest.mark.parametrize(
    ("html", "language"),
    [
        ('<pre class="language-none">x</pre>', None),
        (
            '<div class="highlight-python"><div class="highlight"><pre><code class="language-text">x</code></pre></div></div>',
            None,
        ),
        ('<pre class="language-zeek">x</pre>', "zeek"),
        ('<body class="lang-en language-switch python"><div class="content"><pre>x</pre></div></body>', None),
        ('<div class="post category-java java"><pre>x</pre></div>', None),
        ('<pre lang="en">x</pre>', None),
        ('<pre data-language="c++">x</pre>', "c++"),
        ('<pre class="go">x</pre>', "go"),
        ('<pre class="a go b">x</pre>', None),
        ('<pre class="code go">x</pre>', "go"),
        ('<pre class="EnlighterJSRAW" data-enlighter-language="kotlin">x</pre>', "kotlin"),
        ('<pre class="lang:sh decode:true">x</pre>', "bash"),
        ('<div class="highlight highlight-text-html-basic"><pre>x</pre></div>', "html"),
        (
            '<div class="listingblock"><div class="content"><pre class="highlight"><code class="language-console" data-lang="console">x</code></pre></div></div>',
            "bash",
        ),
    ],
)
def test_language(html: str, language: str | None) -> None:
    assert _printed(html)[0] == [(language, "x")]


@pytest.mark.parametrize(
    "html",
    [
        '<div style="white-space: pre-wrap">Dear all,\nthe meeting is on Friday.\nSee you there.</div>',
        '<article style="white-space: pre"><p>One\ntwo</p></article>',
        '<div style="white-space: pre-wrap; font-family: monospace"><p>One\n    two</p><h2>b</h2></div>',
        '<p style="white-space:pre-wrap">One line only</p>',
        '<p style="white-space:nowrap">a\n  b;</p>',
        '<p style="white-space:pre-line">a\n  b;</p>',
        '<p>in <span style="white-space:pre">git  log</span> text</p>',
        "<p>a <code>x<br>y</code> b</p>",
    ],
)
def test_prose_is_not_preformatted(html: str) -> None:
    assert find(LexborHTMLParser(html), Source(html.encode()), {}) == Code(set(), set(), {}, {})


def test_element_inside_pre_is_the_pre() -> None:
    html = '<pre><code style="white-space:pre">a\n  b</code></pre>'
    assert find(LexborHTMLParser(html), Source(html.encode()), {}).preformatted == set()


HOSTILE = {
    "many": "<pre>1</pre>" * 20_000,
    "beside": "<pre>1\n2</pre><pre>a;\nb;</pre>" * 10_000,
    "nested": '<div class="fragment"><pre><li><div class="line" style="white-space:pre">' * 120
    + "x\n" * 5_000
    + "<br>" * 20_000,
    "long numbers": "<td>" + "1" * 200_000 + "<td><pre>x</pre>",
    "blanks": f'<pre><span class="lineno">{" " * 100_000}x</span></pre><div class=prompt>{" " * 100_000}</div>',
    "cells": "<table>" + '<tr><td class="blob-code"><table>' * 150 + "<tr><td class=blob-code>x" * 5_000,
    "unfinished": '<pre class="language-',
    "styles": '<span style="white-space:pre">a\n' * 400 + "<b></b>" * 20_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pages(name: str) -> None:
    html = HOSTILE[name]
    find(LexborHTMLParser(html), Source(html.encode()), {})


_TAGS = ["pre", "code", "div", "span", "table", "tr", "td", "ol", "li", "br", "button", "p"]
_ATTRIBUTES = [
    "",
    ' class="lineno"',
    ' class="gutter"',
    ' class="blob-code"',
    ' class="line"',
    ' class="fragment"',
    ' class="copy"',
    ' style="white-space:pre"',
    ' class="language-py"',
    ' class="cm-line"',
    ' class="w3-code"',
]
_pieces = st.one_of(
    st.builds(
        lambda tag, attribute: f"<{tag}{attribute}>", st.sampled_from(_TAGS), st.sampled_from(_ATTRIBUTES)
    ),
    st.builds(lambda tag: f"</{tag}>", st.sampled_from(_TAGS)),
    st.sampled_from(["1", "2\n", "x = 1;\n", "    ", "\n", "a b", "\xa0"]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_pieces, max_size=40).map("".join))
def test_any_page(html: str) -> None:
    tree = LexborHTMLParser(html)
    before = tree.html
    code = find(tree, Source(html.encode()), {})
    assert tree.html == before
    ids = {node.mem_id: node for node in tree.css("*")}
    assert code.skip | code.preformatted | code.languages.keys() | code.listings.keys() <= ids.keys()
    for key, listing in code.listings.items():
        assert ids[key].tag == "pre" or key in code.preformatted
        # A listing invents nothing.
        assert set("".join(listing.split())) <= set(ids[key].text())
    for key in code.skip:  # a button that says copy is one, whatever its text
        assert ids[key].tag == "button" or "x = 1" not in ids[key].text()
