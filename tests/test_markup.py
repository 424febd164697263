"""Numbers, intervals, p values and lists as they are written on pages."""

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from ff.book.markup import (
    badge,
    download,
    estimate,
    interval,
    layer_numbers,
    listed,
    number,
    p_value,
    paragraphs,
    plain,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1, "1"),
        (0.12345, "0.123"),
        (-0.12345, "\N{MINUS SIGN}0.123"),
        (123.45, "123"),
        (0.99951, "1"),
        (999.7, "1000"),
        (-2371.2, "\N{MINUS SIGN}2371"),
        (2e6, "2e+06"),
        (1e-9, "1e\N{MINUS SIGN}09"),
        (np.float32(-2.5), "\N{MINUS SIGN}2.5"),
        (np.inf, "inf"),
        (-np.inf, "\N{MINUS SIGN}inf"),
        (np.nan, "\N{EN DASH}"),
    ],
)
def test_a_number_has_three_digits_or_is_whole_and_has_a_true_minus(value: float, text: str):
    assert number(value) == text


@given(st.floats(-1e6, 1e6))
def test_a_number_can_be_read_again(value: float):
    assert float(number(value).replace("\N{MINUS SIGN}", "-")) == pytest.approx(value, rel=0.005)
    assert "-" not in number(value)


def test_an_interval_that_is_unknown_is_empty():
    assert interval(-1, 0.5) == "[\N{MINUS SIGN}1, 0.5]"
    assert interval(-np.inf, np.inf) == "[\N{MINUS SIGN}inf, inf]"
    assert interval(np.nan, np.nan) == ""


def test_a_number_without_an_interval_stands_alone():
    assert estimate(-0.25, -1, 0.5) == "\N{MINUS SIGN}0.25 [\N{MINUS SIGN}1, 0.5]"
    assert estimate(2, np.nan, np.nan) == "2"
    assert estimate(np.nan, np.nan, np.nan) == "\N{EN DASH}"


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (1, "1.000"),
        (0.05, "0.050"),
        (0.04951, "0.050"),
        (0.001, "0.001"),
        (0.00099, "&lt; 0.001"),
        (0, "&lt; 0.001"),
    ],
)
def test_a_p_value_is_no_smaller_than_its_decimals(p: float, text: str):
    assert p_value(p).removeprefix("p ").removeprefix("= ") == text


def test_without_a_test_there_is_no_p_value():
    assert p_value(np.nan) == "\N{EN DASH}"


def test_lists_are_joined_by_one_and():
    assert listed(["one"]) == "one"
    assert listed(["one", "two"]) == "one and two"
    assert listed(iter(["one", "two", "three"])) == "one, two and three"


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ([7], "layer 7"),
        ([1, 2], "layers 1 and 2"),
        ([1, 2, 3], "layers 1 to 3"),
        ([1, 2, *range(14, 22)], "layers 1, 2 and 14 to 21"),
        ([1, 3, 5], "layers 1, 3 and 5"),
        ([1, 2, 3, 5, 6, 8], "layers 1 to 3, 5, 6 and 8"),
    ],
)
def test_numbers_of_layers_are_spans_from_three_on(numbers: list[int], text: str):
    assert layer_numbers(numbers) == text


@given(st.sets(st.integers(1, 32), min_size=1))
def test_every_layer_is_told_and_no_other(layers: set[int]):
    parts = layer_numbers(sorted(layers)).split(" ", 1)[1].replace(" and ", ", ").split(", ")
    spans = [tuple(map(int, part.split(" to "))) for part in parts]
    assert [n for span in spans for n in range(span[0], span[-1] + 1)] == sorted(layers)


def test_a_badge_says_in_a_sign_what_its_color_says():
    assert badge("agrees", "supported").endswith(">\N{CHECK MARK} supported</span>")
    assert "sd-bg-success" in badge("agrees", "supported")
    assert badge("differs", "supported").endswith(">\N{MULTIPLICATION X} supported</span>")
    assert "sd-bg-danger" in badge("differs", "supported")
    assert badge("", "undecided").endswith('sd-bg-text-secondary">undecided</span>')
    assert "a &lt; b &amp; c" in badge("", "a < b & c")


def test_paragraphs_are_html_already():
    assert paragraphs(["<b>a</b>", "b"])._repr_html_() == "<p><b>a</b></p><p>b</p>"
    assert paragraphs([])._repr_html_() == ""


def test_words_begin_at_the_left_and_long_ones_break_into_lines():
    table = pd.DataFrame({"of": ["a", "b"], "what": ["x", 21 * "y"], "n": [1, 2]})
    cells = BeautifulSoup(plain(table)._repr_html_(), "html.parser")(["th", "td"])
    looks = [cell.span["class"] if cell.span else None for cell in cells[:3]]
    assert looks == [["ff-text"], ["ff-text", "ff-long"], None]


def test_without_rows_there_is_neither_a_table_nor_a_file():
    empty = pd.DataFrame({"a": [], "low": [], "high": []})
    assert plain(empty)._repr_html_() == download(empty, "none")._repr_html_() == ""


def test_a_plain_table_reads_without_its_code():
    table = pd.DataFrame(
        {
            "hidden": [100, 1000],
            "last_layer": [28, 24],
            "slope": [0.757, float("nan")],
            "low": [0.715, float("nan")],
            "high": [0.799, float("nan")],
            "p_holm": [0.0001, 0.25],
            "of": ["a < b", "c"],
        },
        index=[3, 7],
    )
    rows = BeautifulSoup(plain(table)._repr_html_(), "html.parser")("tr")
    shown = [[cell.get_text() for cell in row(["th", "td"])] for row in rows]
    assert shown == [
        ["units", "last layer", "slope", "95\N{NO-BREAK SPACE}% interval", "p (Holm)", "of"],
        ["100", "28", "0.757", "[0.715,\N{NO-BREAK SPACE}0.799]", "p < 0.001", "a < b"],
        ["1000", "24", "\N{EN DASH}", "\N{EN DASH}", "p = 0.250", "c"],
    ]
