"""The pages of the URL API, in the forms that its clients look for.

Biopython needs a waiting page that starts with `<!DOCTYPE html` and has `Status=WAITING` before a
line end; BioPerl needs blanks before `RID =`; R needs a comment, and a page that is not well-formed
XML, which it would take for the result.
"""

from collections.abc import Iterable
from html import escape

HEAD = "<!DOCTYPE html>\n<html><head><meta charset=utf-8><title>ElasticBLAST</title></head>\n<body>"
END = "\n</body></html>\n"


def accepted(rid: str, rtoe: int) -> str:
    """The answer to CMD=Put; `rtoe` is the number of seconds until the first look."""
    info = f"<!--QBlastInfoBegin\n    RID = {rid}\n    RTOE = {rtoe}\nQBlastInfoEnd\n-->"
    return f"{HEAD}\n{info}\n<p>Request {rid} is accepted.{END}"


def status(state: str, has_hits: bool | None = None) -> str:
    """The state of a search: WAITING, READY, FAILED or UNKNOWN."""
    hits = "" if has_hits is None else f"\n\tThereAreHits={'yes' if has_hits else 'no'}"
    info = f"<!--\nQBlastInfoBegin\n\tStatus={state}{hits}\nQBlastInfoEnd\n-->"
    return f"{HEAD}\n{info}\n<p>Status: {state}{END}"


def refused(code: str, messages: Iterable[str]) -> str:
    """An error, in one line of the form that Biopython and BioPerl show to their users."""
    text = " ".join("; ".join(messages).split())
    return f'{HEAD}\n<p class="error">Message ID#{code} Error: {escape(text, quote=False)}</p>{END}'


def message(text: str) -> str:
    """A page with a sentence."""
    return f"{HEAD}\n<p>{escape(text)}{END}"


def databases(rows: Iterable[tuple[str, str, str]]) -> str:
    """The databases: name, type and title, in a table for people and programs."""
    table = "\n".join(
        "\t".join(escape(" ".join(cell.split())) for cell in row)
        for row in (("name", "type", "title"), *rows)
    )
    return f"{HEAD}\n<pre>\n{table}\n</pre>{END}"


_TABLE_START = b"<p><!--\nQBlastInfoBegin\n\tStatus=READY\nQBlastInfoEnd\n--><p>\n<PRE>\n"
"""Before the rows of Tabular: Biopython looks for it."""
_TABLE_END = b"</PRE>\n"


def table(rows: bytes) -> bytes:
    """The page of Tabular, whose rows programs read as they are.

    Users choose the ids of queries and subjects. Without `<` these cannot begin an element; all
    other characters stay, so that programs find the ids that they know.
    """
    return _TABLE_START + rows.replace(b"<", b"&lt;") + _TABLE_END
