"""What a terminal may be shown of names, files and texts that come from data.

A name may hold anything: a sequence that clears the screen, a mark that turns the reading order
round, a line break that makes one line two. All that is printed goes through `printable`, which
leaves letters of every language alone and shows each such character as its code.
"""

from __future__ import annotations

import unicodedata
from typing import Any

from rich.markup import escape

# Characters that shape nothing and hide something: marks of reading order, blanks without width,
# line breaks beyond the ASCII ones. The joiners of Persian, Hindi and emojis are not among them.
HIDDEN = frozenset(
    [0x061C, 0x180E, 0x200B, 0x200E, 0x200F, 0x2028, 0x2029, 0xFEFF]
    + [*range(0x202A, 0x202F), *range(0x2060, 0x2070), *range(0xFFF9, 0xFFFC)]
    + [*range(0xE0000, 0xE0080)]
)


def printable(text: Any) -> str:
    """The text on one line, each character that a terminal would obey shown as its code."""
    return "".join(_shown(character) for character in str(text))


def lines(text: Any) -> list[str]:
    """The lines of a message of our own, each as `printable`."""
    return [printable(line) for line in str(text).split("\n")]


def marked_up(text: Any) -> str:
    """The text as `printable`, for a console of rich, which would read [words] as its markup."""
    return escape(printable(text))


def feed_words(feeds: str) -> str:
    """The words a feed, or feeds, by their list as marts have it: segment.pages, marketo.forms."""
    return "feeds" if ", " in feeds else "a feed"


def unknown_coverage_words(reason: str) -> str:
    """The words of coverage_unknown_reason, as in macros/text.sql: no job titles delivered."""
    return reason.replace("titles", "job titles").replace("_", " ") + " delivered"


def _shown(character: str) -> str:
    code = ord(character)
    # Cc: what a terminal obeys; Cs: half a character, as of a file name that is no UTF-8.
    if code in HIDDEN or unicodedata.category(character) in ("Cc", "Cs"):
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
    return character
