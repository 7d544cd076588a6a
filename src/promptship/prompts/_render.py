"""Rendering: a closure compiled once, then inputs to messages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from jinja2.exceptions import TemplateSyntaxError, UndefinedError
from jinja2.runtime import Context

from promptship.domain import RenderedPrompt
from promptship.errors import PromptshipError, RenderError, did_you_mean
from promptship.prompts._inputs import InputBinder
from promptship.prompts._marks import STATE, RenderState, check_length, has_control
from promptship.prompts._sandbox import PromptEnvironment
from promptship.prompts._split import split_messages

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from jinja2 import Template

    from promptship.domain import Closure, JsonObject, Message
    from promptship.prompts._tags import Site

__all__ = ["Renderer"]

_CHECKED_EVERY = 1_000_000
_UNDEFINED = re.compile(r"'([^']+)' is undefined")


class Renderer:
    """Renders one closed prompt. Compiles it once; safe to share among threads and tasks.

    Args:
        closure: The prompt.
        name: What messages call it: its path or its name.
        body_line: Line of the file on which the template begins, so that messages name lines of the file; None where
            there is no file, then they count from the first line of the template and say so.

    Raises:
        RenderError: The template or a partial cannot be compiled.

    Example:
        >>> from promptship.domain import ModelConfig
        >>> from promptship.prompts import build_closure, parse_prompt
        >>> document = parse_prompt("Say hello to {{ name }}.", path="hello.prompt")
        >>> model = ModelConfig(name="default", model="fake/echo")
        >>> closure = build_closure(document, partials={}, examples=(), model=model)
        >>> Renderer(closure, name="hello").render({"name": "Ada"}).messages[0].content
        'Say hello to Ada.'
    """

    def __init__(self, closure: Closure, *, name: str = "prompt", body_line: int | None = None) -> None:
        self._name = name
        self._first_line = body_line
        self._sources: dict[str | None, str] = {None: closure.template}
        self._sources.update(closure.partials)
        self._environment = self._make_environment(closure.partials)
        self._template = self._compile(closure)
        tags = self._environment.tags
        self._sites = tags.sites
        self._binder = InputBinder(closure, name=name, takes_history="history" in tags.seen)
        self._constants: dict[str, Any] = {**self._environment.globals, "examples": closure.examples}

    def _make_environment(self, partials: Mapping[str, str]) -> PromptEnvironment:
        return PromptEnvironment(partials)

    def render(self, inputs: JsonObject) -> RenderedPrompt:
        """Render messages. Equal inputs give equal messages, on every machine.

        Args:
            inputs: Values of the declared inputs, and `history` (messages of the chat protocol) if the template has
                `{% history %}`.

        Raises:
            InputError: Inputs that are missing, unexpected, of the wrong type, or that hold what no text may.
            RenderError: The template fails on these inputs, passes a limit, or prints untrusted text in a system
                message.
        """
        variables, history = self._binder.bind(inputs)
        state = RenderState()
        token = STATE.set(state)
        try:
            text = self._render_text(variables)
            messages = self._split(text, state, history)
        finally:
            STATE.reset(token)
        return RenderedPrompt(messages=messages)

    def check(self, inputs: JsonObject) -> None:
        """Check inputs as `render` would, without rendering.

        Raises:
            InputError: Inputs that are missing, unexpected, of the wrong type, or that hold what no text may.
        """
        self._binder.bind(inputs)

    def _render_text(self, variables: Mapping[str, Any]) -> str:
        template = self._template
        context = Context(self._environment, {**self._constants, **variables}, template.name, template.blocks)
        pieces: list[str] = []
        length = 0
        try:
            for piece in template.root_render_func(context):
                pieces.append(piece)
                length += len(piece)
                if length > _CHECKED_EVERY:
                    check_length(length)
        except PromptshipError as error:
            raise self._placed(error) from None
        except Exception as error:
            raise self._explain(error) from error
        return "".join(pieces)

    def _split(self, text: str, state: RenderState, history: tuple[Message, ...]) -> tuple[Message, ...]:
        try:
            return split_messages(text, state, self._sites, history, self._place_of)
        except RenderError as error:
            raise RenderError(f"{self._name}: {error}", hint=error.hint) from None

    def _compile(self, closure: Closure) -> Template:
        self._refuse_controls(closure)
        try:
            for partial in closure.partials:
                self._environment.get_template(partial)
            return self._environment.from_string(closure.template)
        except TemplateSyntaxError as error:
            place = self._place(error.name, error.lineno, "")
            raise RenderError(f"{place}: {error.message}") from None
        except (SyntaxError, RecursionError, MemoryError) as error:
            # Python refuses what Jinja makes of a template that is nested too deeply.
            raise RenderError(f"{self._name}: the template is nested too deeply: {error}") from None

    def _refuse_controls(self, closure: Closure) -> None:
        for partial, text in self._sources.items():
            if has_control(text):
                line = text[: min(text.find(mark) % (len(text) + 1) for mark in "\x02\x03")].count("\n") + 1
                raise RenderError(
                    f"{self._place(partial, line, '')}: the template holds a control character U+0002 or U+0003"
                )
        if has_control(str(closure.examples)):
            raise RenderError(f"{self._name}: the examples hold a control character U+0002 or U+0003")

    def _explain(self, error: Exception) -> RenderError:
        message, hint, named = _describe(error), None, ""
        if isinstance(error, UndefinedError):
            found = _UNDEFINED.search(message)
            named = found[1] if found else ""
            message, hint = self._explain_undefined(message, named)
        return RenderError(f"{self._place(*_last_line(error.__traceback__), named)}: {message}", hint=hint)

    def _explain_undefined(self, message: str, named: str) -> tuple[str, str | None]:
        if named == "history":
            return "'history' is no variable", "write {% history %}: earlier messages pass through untouched"
        known = [*self._binder.names, "examples"]
        return message + (did_you_mean(named, known) if named else ""), None

    def _placed(self, error: PromptshipError) -> RenderError:
        template, line = _last_line(error.__traceback__)
        return RenderError(f"{self._place(template, line, '')}: {error}", hint=error.hint)

    def _place_of(self, site: Site) -> str:
        return self._place(site.template, site.line, "")

    def _place(self, template: str | None, line: int | None, named: str) -> str:
        """Name a line of the prompt or of a partial, with the column of `named` where it stands there."""
        where = template or self._name
        if not line:
            return where
        lines = self._sources.get(template, "").split("\n")
        found = re.search(rf"\b{re.escape(named)}\b", lines[line - 1]) if named and line <= len(lines) else None
        column = f":{found.start() + 1}" if found else ""
        if template:
            return f"{where}:{line}{column}"
        if self._first_line is None:
            return f"{where}, template line {line}{column}"
        return f"{where}:{line + self._first_line - 1}{column}"


def _describe(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "the template calls itself without end"
    if isinstance(error, TemplateSyntaxError | UndefinedError) or type(error).__module__.startswith("jinja2"):
        return str(error)
    return f"{type(error).__name__}: {error}"


def _last_line(traceback: TracebackType | None) -> tuple[str | None, int]:
    """Return template and line of the innermost template frame; line 0 where there is none."""
    found: tuple[str | None, int] = (None, 0)
    while traceback is not None:
        template = traceback.tb_frame.f_globals.get("__jinja_template__")
        if template is not None:
            found = (template.name, template.get_corresponding_lineno(traceback.tb_lineno))
        traceback = traceback.tb_next
    return found
