"""The Sphinx extension that ships few icons."""

import icons  # pyright: ignore[reportMissingImports]


def test_only_icons_with_a_wanted_name_are_kept():
    bars = 'bars:[448,512,["navicon"],"f0c9","M0 96C0"],'
    two = '"arrow-up":[384,512,[8593],"f062",["M1","M2"]],'
    script = f'var t={{{bars}{two}sun:[1,2,[],"f1","M3"]}};rest(1)'
    assert icons.select(script, {"navicon", "sun"}) == script.replace(two, "")
    assert icons.select(script, {"arrow-up"}) == f"var t={{{two}}};rest(1)"


def test_the_themes_script_is_understood():
    """Most of it is icons: were its form to change, all would be kept and pages be heavy again."""
    script = (icons.THEME / icons.SCRIPT).read_text(encoding="utf-8")
    kept = icons.select(script, {"bars", "magnifying-glass"})
    assert len(kept) < len(script) / 10
    assert "bars:[" in kept
    assert '"magnifying-glass":[' in kept
