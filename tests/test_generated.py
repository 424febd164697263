"""Files that are made from the configuration."""

import pytest

from ff.book.generated import LONGEST, files, parameters
from ff.switches.goodness import GOODNESS


@pytest.mark.parametrize(
    ("path", "content"), files().items(), ids=lambda value: getattr(value, "name", "")
)
def test_generated_files_are_up_to_date(path, content):
    assert path.read_text(encoding="utf-8") == content, "ff.Config has changed: run make generated"


def test_a_new_entry_of_a_table_shows_in_the_notebooks_parameters(monkeypatch):
    assert "another" not in parameters()
    monkeypatch.setitem(GOODNESS, "another", GOODNESS["squares"])
    assert ", another" in parameters()


def test_no_parameter_is_longer_than_a_line():
    assert max(map(len, parameters().splitlines())) <= LONGEST
