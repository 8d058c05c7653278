"""Prompts of the sample's tasks as a run puts them: the task's file around the text, in the chat's format."""

from __future__ import annotations

from pathlib import Path

from model.chat import Chat, Prompt, Tokenizer

TASKS = Path(__file__).resolve().parents[1] / "tasks"


class Prompts:
    """Makes prompts for one tokenizer."""

    def __init__(self, words: Tokenizer) -> None:
        self._chat, self._before = Chat(words), {}
        for file in sorted(TASKS.glob("*.md")):
            section = file.read_text(encoding="utf-8").partition("# Before\n")[2]
            self._before[file.stem] = section.partition("\n# ")[0].strip()

    def prompt(self, task: str, text: str, gap: str = "\n", after: str = "") -> Prompt:
        """A task's prompt about a text; in lessons with other ``gap`` and ``after`` too."""
        return self._chat.prompt([self._before[task] + gap, text + after])
