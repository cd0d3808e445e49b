"""Pages of results can be read by everyone: contrast in light, dark and print, one main part."""

from __future__ import annotations

import re

import pytest
from curadiff.common.page import PAGE, figure

READABLE = 4.5  # WCAG 2.2, success criterion 1.4.3: text of ordinary size


def luminance(color: str) -> float:
    """Relative luminance by WCAG of ``#rgb`` or ``#rrggbb``."""
    digits = color[1:] if len(color) == 7 else "".join(2 * digit for digit in color[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_the_standard():
    assert contrast("#fff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def schemes() -> list[dict[str, str]]:
    """The colours of a light screen, a dark one and paper."""
    blocks = re.findall(r":root \{\{(.*?)\}\}", PAGE, re.DOTALL)
    return [dict(re.findall(r"--(\w+): (#\w+)", block)) for block in blocks]


def test_text_is_readable_on_a_light_and_a_dark_screen_and_on_paper():
    light, dark, paper = schemes()
    for scheme in (light, dark, paper):
        for text in ("ink", "quiet", "good", "wait", "bad"):
            for ground in ("paper", "card"):
                assert contrast(scheme[text], scheme[ground]) >= READABLE, (text, ground, scheme)


def test_a_page_says_its_language_and_which_part_of_it_is_the_main_one():
    page = PAGE.format(title="t", body="<p>all</p>")
    assert '<html lang="en">' in page
    assert re.search(r"<main>\s*<p>all</p>\s*</main>", page)


def test_a_picture_says_what_it_shows_whatever_its_name():
    assert "alt='pictures of &quot;a&quot; &amp; b'" in figure("u", "c", alt='pictures of "a" & b')
