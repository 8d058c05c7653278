"""What written pages say (``written``): prose, titles, names, dates, code, and the words on their buttons.

Knows twelve languages. Does not know HTML, nor what is content. Prose is that of other pages, or made of
frequent words and of words that do not exist: the network reads shapes, not meaning.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from stages.render.main.words import function_words

_T = TypeVar("_T")

# What buttons and labels say, by language: the keys in their order.
_SAYINGS = (
    *("reply", "quote", "like", "share", "report", "more", "next", "previous", "home", "search", "login"),
    *("register", "joined", "posts", "wrote", "edited", "related", "comments", "member", "by", "buy"),
    "contact",
)
_LANGUAGES = {
    "en": "Reply|Quote|Like|Share|Report|Read more|Next|Previous|Home|Search|Log in|Register|Joined|Posts|"
    "wrote:|Last edited by|Related|Comments|Member|by|Add to cart|Contact us",
    "de": "Antworten|Zitieren|Gefällt mir|Teilen|Melden|Weiterlesen|Weiter|Zurück|Startseite|Suche|Anmelden|"
    "Registrieren|Registriert|Beiträge|schrieb:|Zuletzt bearbeitet von|Ähnliche Themen|Kommentare|Mitglied|"
    "von|In den Warenkorb|Kontakt",
    "es": "Responder|Citar|Me gusta|Compartir|Denunciar|Leer más|Siguiente|Anterior|Inicio|Buscar|"
    "Iniciar sesión|Registrarse|Registrado|Mensajes|escribió:|Editado por|Relacionados|Comentarios|Miembro|"
    "por|Añadir al carrito|Contacto",
    "fr": "Répondre|Citer|J'aime|Partager|Signaler|Lire la suite|Suivant|Précédent|Accueil|Rechercher|"
    "Connexion|Inscription|Inscrit le|Messages|a écrit :|Modifié par|Sujets similaires|Commentaires|Membre|"
    "par|Ajouter au panier|Contact",
    "it": "Rispondi|Cita|Mi piace|Condividi|Segnala|Leggi tutto|Successivo|Precedente|Home|Cerca|Accedi|"
    "Registrati|Iscritto il|Messaggi|ha scritto:|Modificato da|Correlati|Commenti|Membro|di|"
    "Aggiungi al carrello|Contatti",
    "pt": "Responder|Citar|Curtir|Compartilhar|Denunciar|Leia mais|Próximo|Anterior|Início|Pesquisar|"
    "Entrar|Registrar|Registrado|Mensagens|escreveu:|Editado por|Relacionados|Comentários|Membro|por|"
    "Comprar|Contato",
    "pl": "Odpowiedz|Cytuj|Lubię to|Udostępnij|Zgłoś|Czytaj dalej|Następna|Poprzednia|Strona główna|Szukaj|"
    "Zaloguj|Rejestracja|Dołączył|Posty|napisał:|Ostatnio zmieniony przez|Podobne|Komentarze|Użytkownik|od|"
    "Do koszyka|Kontakt",
    "nl": "Reageer|Citeer|Leuk|Delen|Melden|Lees meer|Volgende|Vorige|Home|Zoeken|Inloggen|Registreren|"
    "Lid sinds|Berichten|schreef:|Laatst bewerkt door|Gerelateerd|Reacties|Lid|door|In winkelwagen|Contact",
    "ru": "Ответить|Цитата|Нравится|Поделиться|Пожаловаться|Читать далее|Следующая|Предыдущая|Главная|Поиск|"
    "Вход|Регистрация|Регистрация|Сообщения|писал(а):|Отредактировано|Похожие темы|Комментарии|Участник|от|"
    "В корзину|Контакты",
    "zh": "回复|引用|赞|分享|举报|阅读全文|下一页|上一页|首页|搜索|登录|注册|注册时间|帖子|写道:|最后编辑|"
    "相关|评论|会员|作者|加入购物车|联系我们",
    "ja": "返信|引用|いいね|共有|通報|続きを読む|次へ|前へ|ホーム|検索|ログイン|登録|登録日|投稿|"
    "さんの投稿:|最終編集|関連|コメント|会員|投稿者|カートに入れる|お問い合わせ",
    "ko": "답글|인용|좋아요|공유|신고|더 보기|다음|이전|홈|검색|로그인|회원가입|가입일|게시물|"
    "님이 작성:|마지막 수정|관련 글|댓글|회원|작성자|장바구니|문의",
}
#: Languages with letters of their own, and those written without spaces.
_LETTERS: dict[str, str | tuple[int, int]] = {
    "ru": "абвгдезиклмнопрстуфхчья",
    "zh": (0x4E00, 0x5FFF),
    "ja": (0x3041, 0x3094),
    "ko": (0xAC00, 0xD000),
}
_LATIN = "aaeeiioubcdfghklmnprstvwyz"
_CLOSED = ("zh", "ja")
_DATES = (
    *("{m} {d}, {y}", "{d}.{k}.{y} 12:{s}", "{y}-{k}-{d} 09:{s}", "{m} {d}, {y}, 3:{s} pm", "{d} {m} {y}"),
    *("{d} hours ago", "{d}d", "{y}年{k}月{d}日", "» {d} {m} {y}, 10:{s}", "{k}/{d}/{y}"),
    "{y}/{k}/{d} 21:{s}",
)
_MONTHS = (
    *("Jan", "Feb", "March", "April", "May", "June", "July", "August", "September", "Oct", "Nov"),
    "December",
)
_VARIABLES = ("data", "self", "node", "x", "get_value", "item", "config", "result")
_LINES = (
    *("{a} = {b}({c})", "for {a} in {b}:", "if ({a} > 0) {{", "return {a}.{b}({c}, 1);", "// {a} {b} {c}"),
    *("import {a}", "$ {a} --{b} {c}", "const {a} = {b}[{c}];", "}}"),
)
#: Share of pages with the prose of another.
BORROWED = 0.6


class Wording:
    """Texts of one page, and all chance in it."""

    def __init__(self, rng: np.random.Generator, prose: Sequence[Sequence[str]]) -> None:
        """``prose``: paragraphs of each of some pages."""
        self.rng = rng
        self._bank: Sequence[str] = ()
        self.language = self.one(sorted(_LANGUAGES))
        if self.chance(BORROWED) and prose:
            self._bank = self.one(prose)
            chinese = unicodedata.name(self._bank[0][0], "").startswith("CJK")
            self.language = "zh" if chinese else self.language if self.chance(0.2) else "en"
        self._sayings = dict(zip(_SAYINGS, _LANGUAGES[self.language].split("|"), strict=True))
        self._date = self.one(_DATES)

    def chance(self, share: float) -> bool:
        """True in this share of cases."""
        return bool(self.rng.random() < share)

    def one(self, among: Sequence[_T]) -> _T:
        """One of some."""
        return among[int(self.rng.integers(len(among)))]

    def number(self, low: int, high: int) -> int:
        """Small ones are more frequent; ``high`` included."""
        return low + int((high - low + 1) * self.rng.random() ** 1.7)

    def saying(self, key: str) -> str:
        """What a page says on a button or label: "reply", ..."""
        return self._sayings[key]

    def word(self) -> str:
        """A word that hardly exists."""
        letters: str | tuple[int, int] = _LETTERS.get(self.language, _LATIN)
        size = int(self.rng.integers(2, 4 if self.language in ("zh", "ja", "ko") else 10))
        if isinstance(letters, tuple):
            return "".join(map(chr, self.rng.integers(*letters, size)))
        return "".join(self.one(letters) for _ in range(size))

    def sentence(self) -> str:
        """Frequent words and made-up ones."""
        frequent = function_words(self.language)
        words = [self.one(frequent) if self.chance(0.45) else self.word() for _ in range(self.number(4, 24))]
        closed = self.language in _CLOSED
        comma, stop = ("，", "。") if closed else (", ", ". ")
        gap = "" if closed else " "
        text = "".join(word + (comma if self.chance(0.08) else gap) for word in words).rstrip(" ,，")
        return text[:1].upper() + text[1:] + (self.one("?!") if self.chance(0.1) else stop[0]) + stop[1:]

    def paragraph(self) -> str:
        """Prose of the page whose prose this one has; else a few sentences."""
        if self._bank:
            return self.one(self._bank)
        return "".join(self.sentence() for _ in range(self.number(1, 7))).strip()

    def phrase(self, most: int = 8) -> str:
        """A title, or the words of a link."""
        if self._bank and self.chance(0.7):
            text = self.one(self._bank)
            if self.language in _CLOSED:
                return text[: self.number(4, 3 * most)]
            return " ".join(text.split()[: self.number(1, most)])
        words = [
            self.one(function_words(self.language)) if self.chance(0.3) else self.word() for _ in range(most)
        ]
        return ("" if self.language in _CLOSED else " ").join(words[: self.number(1, most)]).capitalize()

    def name(self) -> str:
        """Of a user."""
        return self.word().capitalize() + (str(self.rng.integers(1, 99)) if self.chance(0.3) else "")

    def date(self) -> str:
        """A date, in the form that the page has."""
        spans = ((1, 29), (1, 13), (2003, 2027), (10, 60))
        day, month, year, minute = (int(self.rng.integers(*span)) for span in spans)
        return self._date.format(m=_MONTHS[month - 1], d=day, k=month, y=year, s=minute)

    def code(self) -> str:
        """Lines in no language."""
        lines = []
        for _ in range(self.number(1, 14)):
            a, b, c = (self.one(_VARIABLES) for _ in range(3))
            line = self.one(_LINES).format(a=a, b=b, c=c)
            lines.append(" " * 4 * self.number(0, 2) + line)
        return "\n".join(lines)
