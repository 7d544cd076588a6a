r"""Phrases by which texts try to steer a model that reads them: English, German and Spanish, in canonical lower case.

Gaps are bounded (`[^.!?\n]{0,40}`), and so is everything else: a search costs at most a small multiple of the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["PATTERNS", "SQUEEZED", "InjectionKind", "InjectionPattern"]

InjectionKind = Literal["override", "persona", "extraction", "boundary", "judge", "covert"]


@dataclass(frozen=True, slots=True)
class InjectionPattern:
    """One way to say it: a kind, a weight from 0 to 1, substrings of which every match has one, and the pattern."""

    kind: InjectionKind
    weight: float
    hints: tuple[str, ...]
    pattern: re.Pattern[str]


def _pattern(kind: InjectionKind, weight: float, hints: str, *parts: str) -> InjectionPattern:
    return InjectionPattern(kind, weight, tuple(hints.split()), re.compile("".join(parts)))


_GAP: Final = r"[^.!?\n]"
_OLD: Final = (
    r"(?:all |any |each of )?(?:of )?(?:the |your |my |these |those |its |every |other )?(?:[\w']{1,20} ){0,2}?"
    r"(?:previous|prior|above|earlier|preceding|foregoing|former|initial|original|existing|current|old|system|past) "
    r"(?:\w{1,20} ){0,2}?"
)
_RULES: Final = (
    r"(?:instructions?|prompts?|rules?|directions?|directives?|guidelines?|commands?|orders?|constraints?|messages?"
    r"|context|programming|training|restrictions?|policies|policy|text|conversation|safeguards?|filters?)\b"
)
_DROP: Final = (
    r"\b(?:ignor(?:e|ing)|disregard(?:ing)?|forget(?:ting)?|overrid(?:e|ing)|bypass(?:ing)?|neglect|discard|dismiss"
    r"|(?:do not|don't|stop) follow(?:ing)?|pay no attention to|set aside) "
)
_DROP_HINTS: Final = "ignor disregard forget overrid bypass neglect discard dismiss follow attention aside"
_SAID: Final = (
    r"(?:everything|anything|all|what(?:ever)?)(?: (?:that|which))?(?: (?:was|is|has been|you|you've|i|i've|we))?"
    r"(?: (?:were|have|been|are))?(?: (?:said|told|written|wrote|instructed|stated|read|learned))?"
    r" (?:above|before|previously|earlier|prior|so far|up to)\b"
)
_HIDDEN: Final = (
    r"(?:system (?:prompt|message|instructions?)"
    r"|(?:initial|original|hidden|secret|internal|confidential|above|previous|full|developer)"
    r" (?:prompt|instructions?|message|rules|guidelines|directives?)"
    r"|your (?:prompt|instructions?|rules|guidelines|directives?|configuration))"
)
_HIDDEN_HINTS: Final = "prompt message instruction rules guideline directive configuration"
_REVEAL: Final = (
    r"\b(?:reveal|print|repeat|show|display|output|tell|give|leak|expose|dump|recite|write out|return|send|share"
    r"|disclose|quote|copy) (?:me |us |back |out |to me )?(?:\w{1,20} ){0,4}?"
)
_TOP_MARK: Final = (
    r"(?:10 ?/ ?10|100 ?/ ?100|5 ?/ ?5|full marks|perfect score|maximum score|highest (?:score|rating|grade|mark)"
    r"|top score)"
)
_FREE: Final = r"(?:no (?:rules|restrictions|limits|filters|guidelines)|not bound|unrestricted|evil|uncensored)\b"
_LOOT: Final = (
    r"\b(?:passwords?|credentials|api keys?|secrets?|tokens?|conversation|chat history|private data|user data"
    r"|personal data|emails?|files?)\b"
)

_ENGLISH: Final = (
    _pattern("override", 0.9, _DROP_HINTS, _DROP, _OLD, _RULES),
    _pattern("override", 0.8, _DROP_HINTS, _DROP, r"(?:all )?(?:of )?(?:your|the|these|those) (?:\w{1,20} )?", _RULES),
    _pattern("override", 0.9, _DROP_HINTS, _DROP, _SAID),
    _pattern(
        *("override", 0.7, "new updated real actual revised true"),
        r"\b(?:new|updated|real|actual|revised|true) (?:system )?(?:instructions?|rules|directives?|objective)",
        r"(?: (?:is|are|follow))? ?:",
    ),
    _pattern(
        *("override", 0.7, "now hence"),
        r"\b(?:from now on|starting now|henceforth),? (?:you|your|ignore|always|respond|answer|only|act)\b",
    ),
    _pattern(
        *("override", 0.6, "instead rather"),
        r"\b(?:instead|rather),? (?:only )?(?:say|print|output|respond with|reply with|answer with)\b",
    ),
    _pattern(
        *("persona", 0.7, "you are"),
        r"\byou are (?:now|no longer|going to be) (?:\w{1,20} ){0,3}",
        r"(?:an? |in |the |called |named |bound|dan\b|free|unrestricted|jailbroken|limited|subject)",
    ),
    _pattern(
        *("persona", 0.9, "anything mode jailbr unrestricted without"),
        r"\b(?:do anything now|dan mode|developer mode|god ?mode|jailbreak(?:ed|ing)?|jailbroken|sudo mode",
        r"|debug mode enabled|unrestricted (?:mode|ai|assistant)",
        r"|without (?:any )?(?:restrictions|filters|ethical|censorship))\b",
    ),
    _pattern(
        *("persona", 0.7, "pretend imagine act roleplay simulate"),
        rf"\b(?:pretend|imagine|act as if|act as though|roleplay|simulate)\b{_GAP}{{0,40}}\b",
        _FREE,
    ),
    _pattern("extraction", 0.8, _HIDDEN_HINTS, _REVEAL, _HIDDEN),
    _pattern(
        *("extraction", 0.8, "what"),
        r"\bwhat (?:is|are|was|were) your (?:\w{1,20} )?(?:system prompt|instructions|initial prompt|hidden rules)\b",
    ),
    _pattern(
        *("extraction", 0.8, "above before"),
        r"\b(?:repeat|print|output|copy) (?:the |all )?(?:words|text|everything|content) (?:above|before)\b",
    ),
    _pattern(
        *("boundary", 0.9, "<| [inst] [/inst] sys>> _of_turn>"),
        r"<\|(?:im_start|im_end|system|user|assistant|endoftext|eot_id|start_header_id|end_header_id)\|>",
        r"|\[/?inst\]|<</?sys>>|<(?:start|end)_of_turn>",
    ),
    _pattern(
        *("boundary", 0.7, "<"),
        r"</?(?:system|assistant|instructions?|prompt|admin|untrusted-[0-9a-f]{12})(?: [^<>]{0,80})?>",
    ),
    _pattern(
        *("boundary", 0.7, "system developer admin"),
        r"(?:^|\n)[ \t#*\[]{0,6}(?:system|developer|admin(?:istrator)?)",
        r"(?: (?:message|prompt|override|instruction|note|alert|update))?[\]*]{0,3} ?: ",
    ),
    _pattern(
        *("boundary", 0.5, "of"),
        r"\b(?:end|begin|start) of (?:system |user |the |untrusted )?",
        r"(?:prompt|instructions|input|document|data|context|message)\b",
    ),
    _pattern(
        *("boundary", 0.8, "important attention note message instruction"),
        r"\b(?:important|attention|note|message|instructions?) (?:to|for) (?:the |any |all )?",
        r"(?:ai|llm|language model|assistant|chatbot|model|agent|grader|judge|evaluator)s?\b",
    ),
    _pattern(
        *("judge", 0.8, "/ mark score rating grade"),
        # An order and no opinion: "I'd rate this hotel 10/10" is a review.
        r"(?:^|[.!?:;\n>\"'(] ?|\b(?:please|must|should|shall|always|you) )",
        r"(?:give|assign|award|rate|score|grade|mark|output|return) ",
        r"(?=(?:this|that|it|me|us|the|my|them|an?|all|every|full|exactly)\b|[\"'\d])",
        rf"{_GAP}{{0,40}}\b",
        _TOP_MARK,
    ),
    _pattern(
        *("judge", 0.8, "grader judge evaluator reviewer"),
        rf"\b(?:grader|judge|evaluator|reviewer)s?\b,? (?:you )?(?:must|should|please|shall)\b{_GAP}{{0,60}}",
        r"\b(?:pass|score|correct|accept|approve|prefer|rate)",
    ),
    _pattern(
        *("judge", 0.7, "rated graded scored marked judged accepted considered"),
        r"\b(?:this|the following|my) (?:answer|response|output|submission) (?:is|must be|should be) (?:\w{1,20} )?",
        r"(?:rated|graded|scored|marked|judged|accepted|considered)\b",
    ),
    _pattern(
        *("covert", 0.8, "tell mention inform notify reveal alert"),
        r"\b(?:do not|don't|never|without) (?:tell|mention|inform|notify|reveal|alert)(?:ing)?",
        r"(?: this| it| anything| any of this)?(?: to)? (?:the |your )?",
        r"(?:user|human|anyone|anybody|operator|customer)",
    ),
    _pattern(
        *("covert", 0.8, "http www. @"),
        rf"\b(?:send|forward|email|post|upload|exfiltrate|transmit|leak|append)\b{_GAP}{{0,60}}{_LOOT}",
        r"[^!?\n]{0,60}\b(?:to|at)\b[^!?\n]{0,20}(?:https?://|www\.|[\w.-]{1,40}@)",
    ),
    _pattern(
        *("covert", 0.7, "]("),
        r"!\[[^\]\n]{0,100}\]\(https?://[^\s)]{1,200}[?&][^\s)=]{1,40}=[^\s)]{0,300}\)",
    ),
)
# Canonical text has lost its accents: "für" is "fur", "instrucción" is "instruccion".
_GERMAN: Final = (
    _pattern(
        *("override", 0.9, "ignorier verg missacht ubers uberg befolg verwirf"),
        r"\b(?:ignorier(?:e|en|t)?|vergiss|vergessen|missachte|uberschreibe|ubergehe|befolge nicht|verwirf)\b",
        rf"{_GAP}{{0,30}}",
        r"\b(?:bisherig|vorherig|vorig|obig|fruher|vorangehend|vorangegangen|ursprunglich|alle|deine|samtlich)\w{0,4}\b",
        rf"{_GAP}{{0,30}}\b(?:anweisung|instruktion|regel|vorgabe|befehl|richtlinie|prompt|nachricht|anordnung)",
    ),
    _pattern(
        *("override", 0.8, "vergiss ab neue"),
        r"\bvergiss alles\b|\bab (?:jetzt|sofort) (?:bist|antwortest|verhaltst) du\b",
        r"|\bneue (?:system)?anweisung(?:en)? ?:",
    ),
    _pattern("persona", 0.7, "bist", r"\bdu bist (?:jetzt|nun|ab sofort|nicht mehr|nicht langer) \w"),
    _pattern(
        *("extraction", 0.8, "prompt anweisung nachricht instruktion regel vorgabe"),
        rf"\b(?:zeig|verrat|nenn|gib|wiederhol|druck|sag|schreib|offenbar)\w{{0,3}}\b{_GAP}{{0,40}}\b",
        r"(?:system-?prompt|systemnachricht|systemanweisung|dein(?:en)? prompt",
        r"|(?:deine|ursprungliche|interne|geheime)n? (?:anweisung|instruktion|regel|vorgabe))",
    ),
    _pattern(
        *("judge", 0.8, "gib bewert"),
        rf"\b(?:gib|vergib|bewerte)\w{{0,3}}\b{_GAP}{{0,40}}",
        r"\b(?:10 ?/ ?10|volle punktzahl|hochstpunktzahl|bestnote|hochste)",
    ),
    _pattern(
        *("covert", 0.8, "nutzer anwender niemand"),
        rf"\b(?:sag|verrat|teil|erzahl|erwahn)\w{{0,3}}\b{_GAP}{{0,30}}\b(?:nutzer|benutzer|anwender|niemand)\w{{0,3}}\b",
        rf"{_GAP}{{0,20}}\b(?:nicht|nichts|davon|kein)",
    ),
)
_SPANISH: Final = (
    _pattern(
        *("override", 0.9, "ignor olvid descart desatiend omit sigas anula"),
        r"\b(?:ignor(?:a|e|ar|en)|olvid(?:a|e|ar|en)|descart(?:a|e|ar)|desatiend(?:e|a)|omit(?:e|a)|no sigas|anula)\b",
        rf"{_GAP}{{0,30}}\b(?:instruccion(?:es)?|indicacion(?:es)?|reglas?|ordenes|directrices|mensajes?|restricciones",
        r"|prompts?)\b",
    ),
    _pattern(
        *("override", 0.8, "olvida ahora nuevas"),
        r"\bolvida todo\b|\ba partir de ahora,? (?:eres|responde|actua|seras|vas)\b|\bnuevas instrucciones ?:",
    ),
    _pattern("persona", 0.7, "eres", r"\b(?:ahora eres|ya no eres|eres ahora) \w"),
    _pattern(
        *("extraction", 0.8, "sistema instrucciones prompt"),
        rf"\b(?:muestra|revela|repite|imprime|dime|dame|ensena|escribe)\w{{0,4}}\b{_GAP}{{0,40}}\b",
        r"(?:(?:prompt|mensaje) del? sistema|tus instrucciones|tu prompt",
        r"|las instrucciones (?:originales|iniciales|internas|ocultas|secretas|anteriores|del sistema))",
    ),
    _pattern(
        *("judge", 0.8, "puntuacion nota /"),
        rf"\b(?:da(?:le)?|asigna|otorga|pon|califica|puntua)\w{{0,3}}\b{_GAP}{{0,40}}",
        r"\b(?:10 ?/ ?10|puntuacion maxima|maxima puntuacion|maxima nota|nota maxima|puntuacion perfecta)",
    ),
    _pattern(
        *("covert", 0.8, "usuario nadie cliente"),
        rf"\bno (?:se lo |le |les )?(?:digas|menciones|reveles|informes|cuentes)\b{_GAP}{{0,40}}",
        r"\b(?:usuario|nadie|cliente)|\bsin (?:decir|avisar|informar)(?:se)?(?:lo|le)? (?:al|a ningun) usuario",
    ),
)
PATTERNS: Final = _ENGLISH + _GERMAN + _SPANISH
"""All patterns, for canonical text in lower case."""

SQUEEZED: Final = re.compile(
    r"(?:ignore|disregard|forget|override|bypass)(?:all|any|every|of|the|your|my|these|those){0,4}"
    r"(?:previous|prior|above|earlier|preceding|original|system)(?:system)?"
    r"(?:instructions?|prompts?|rules|directions|guidelines|commands|orders|messages?)"
    r"|(?:reveal|print|repeat|show|output|leak)(?:me|us|the|your|full|whole|entire){0,4}systemprompt"
    r"|doanythingnow|youarenowdan"
    r"|ignorier(?:e|en)?(?:alle|deine|die|bisherigen|vorherigen|obigen){1,4}(?:anweisungen|instruktionen|regeln)"
    r"|ignora(?:todas|tus|las){1,3}(?:instrucciones|reglas)"
)
"""For texts spaced out, dotted or written with digits: letters alone, and only what cannot be chance."""
