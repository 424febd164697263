"""Sphinx extension: the directive `citation` shows how to cite, as BibTeX from CITATION.cff."""

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from ff.params import read_yaml


def person(author: dict[str, str]) -> str:
    """A name as BibTeX reads it; that of a group in braces, which keep it in one piece."""
    if "name" in author:
        return f"{{{author['name']}}}"
    return f"{author['family-names']}, {author['given-names']}"


def bibtex(work: dict[str, Any]) -> str:
    """BibTeX of a work in the terms of CITATION.cff. What is not known of it is left out.

    The entry is called by author and year, or by what stands before the title's colon.
    """
    family = work["authors"][0].get("family-names", "").lower()
    year = work.get("year") or work.get("date-released", "")[:4]
    found = {
        "author": " and ".join(map(person, work["authors"])),
        "title": f"{{{work['title']}}}",  # braces keep its capitals
        "year": year,
        "note": f"Version {work['version']}" if "version" in work else "",
    }
    for identifier in work.get("identifiers", []):
        archive, _, number = identifier["value"].partition(":")
        found |= {"eprint": number, "archiveprefix": archive}
    found["url"] = work.get("url") or work.get("repository-code", "")
    lines = [f"  {name} = {{{value}}},\n" for name, value in found.items() if value]
    key = f"{family}{year}" if family else work["title"].split(":")[0]
    # None has appeared in a journal, and classic BibTeX knows no entry for software.
    return f"@misc{{{key},\n{''.join(lines)}}}"


class Citation(SphinxDirective):
    """What CITATION.cff asks for, and BibTeX of the software and of the paper."""

    def run(self) -> list[nodes.Node]:
        path = Path(self.env.srcdir).parent / "CITATION.cff"
        self.env.note_dependency(str(path))
        software = read_yaml(path)
        entries = [bibtex(work) for work in (software, software["references"][0])]
        text = "\n\n".join(entries)
        return [
            nodes.paragraph(text=software["message"]),
            nodes.literal_block(text, text, language="bibtex"),
        ]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_directive("citation", Citation)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
