import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import imagecodecs
import numpy as np
import pytest

from pellucid.errors import InputError
from pellucid.report.evidence import Claim, Evidence, Pictures, Verdict
from pellucid.report.page import page, write

HOSTILE = """x"'><script>alert(1)</script><img src=//evil.example/a onerror=alert(1)>&lt;${title}"""


class Structure(HTMLParser):
    """Tags with the names of their attributes, addresses, and the visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, ...]] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag == "wbr":
            return
        self.tags.append((tag, *(name for name, _ in attrs)))
        self.addresses += [value for name, value in attrs if name in ("src", "href", "action", "srcset")]

    def handle_data(self, data):
        self.text += data


def greys(html: str, name: str) -> np.ndarray:
    """Decode the picture in the layer of that name."""
    uri = re.search(rf'class="{name}">.*?base64,([^"]+)"', html).group(1)
    return imagecodecs.png_decode(base64.b64decode(uri))


def bare(noisy: np.ndarray, restored: np.ndarray) -> Evidence:
    return Evidence(
        title="cells.tif",
        verdict=Verdict(level="green", sentence="Nothing was found."),
        pictures=Pictures(noisy=noisy, restored=restored),
    )


def test_same_value_has_same_grey_before_and_after():
    noisy = np.random.default_rng(1).gamma(2.0, 30.0, (40, 50))
    restored = noisy[::-1] * np.where(np.arange(50) % 2, 1.0, 0.2)
    html = page(bare(noisy, restored))
    before, after = greys(html, "noisy"), greys(html, "restored")
    np.testing.assert_array_equal(after[:, 1::2], before[::-1, 1::2])
    assert after[:, ::2].mean() < before[:, ::2].mean() / 2


def test_text_cannot_become_markup(evidence_of):
    hostile, harmless = Structure(page(evidence_of(HOSTILE))), Structure(page(evidence_of("cells")))
    assert hostile.tags == harmless.tags
    assert hostile.text.count(HOSTILE) == harmless.text.count("cells") > 15


def test_page_loads_nothing(evidence):
    html = page(evidence)
    addresses = Structure(html).addresses
    assert len(addresses) > 5
    assert all(address.startswith(("data:image/png;base64,", "#")) for address in addresses)
    assert set(re.findall(r"url\([^)]*\)", html)) == {"url(#tone)"}
    assert "http:" not in html
    assert "https:" not in html
    assert "@import" not in html


@pytest.mark.parametrize("kind", ["style", "script"])
def test_policy_allows_only_the_own_style_and_script(evidence, kind):
    html = page(evidence)
    policy = re.search(r'Security-Policy" content="([^"]+)"', html).group(1)
    (content,) = re.findall(rf"<{kind}>(.*?)</{kind}>", html, re.S)
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert f"{kind}-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    "sentence",
    [
        "The checks gave no reason.",
        "The checks name nothing here.",
        "This method gives no spread",
        "The autocorrelation of the residual was not measured.",
        "The noise of the recorded image was not measured.",
        "No methods were compared.",
        "Nothing was trained for this result.",
        "No clean reference was given",
        "Nothing was recorded that would repeat this result.",
        "There were no warnings.",
    ],
)
def test_absent_parts_are_named(evidence, sentence):
    plane = np.arange(30.0).reshape(5, 6)
    html = page(bare(plane, plane))
    assert sentence in html
    assert sentence not in page(evidence)
    assert "<table" not in html
    assert 'class="chart"' not in html


def test_measured_parts_are_shown(evidence):
    html = page(evidence)
    assert "0.5235 ± 0.0012" in html
    assert "not measured" in html
    assert "Next pixel along Y</th><td>0.02, 1.0 times the bound" in html
    assert "Next pixel along X</th><td>0.3, 15.3 times the bound" in html
    assert "1 at 60 steps" in html
    assert "34.25" in html
    assert html.count('class="chart"') == 3


def test_risk_is_no_error_estimate_where_noise_is_correlated(evidence_of):
    claim = "These numbers are not an error estimate."
    assert claim in page(evidence_of(correlated=True))
    assert claim not in page(evidence_of(correlated=False))


@pytest.mark.parametrize(
    ("level", "words"), [("green", "Nothing found"), ("amber", "Look before"), ("red", "Do not rely")]
)
def test_level_is_said_in_words(evidence, level, words):
    html = page(replace(evidence, verdict=Verdict(level=level, sentence="So it is.")))
    assert words in html
    assert "So it is." in html


def test_large_planes_are_cropped_to_their_middle_and_the_page_says_so():
    plane = np.random.default_rng(3).normal(size=(1100, 1300))
    middle = plane[38 : 38 + 1024, 138 : 138 + 1024]
    html = page(bare(plane, plane))
    np.testing.assert_array_equal(greys(html, "noisy"), greys(page(bare(middle, middle)), "noisy"))
    assert "The middle 1024 × 1024 of 1300 × 1100 pixels are shown" in html
    assert "The middle" not in page(bare(middle, middle))


def test_page_of_pure_noise_stays_small():
    noise = np.random.default_rng(2).normal(size=(4, 512, 512))
    pictures = Pictures(noisy=noise[0], restored=noise[1], spread=np.abs(noise[2]))
    assert len(page(replace(bare(noise[0], noise[1]), pictures=pictures))) < 3_000_000


def test_pixels_without_a_value_are_drawn_black():
    plane = np.arange(100.0).reshape(10, 10)
    plane[4, 5] = np.nan
    assert greys(page(bare(plane, plane)), "noisy")[4, 5] == 0


def test_planes_that_do_not_match_are_refused():
    with pytest.raises(InputError, match=r"\(5, 6\).*\(6, 5\)"):
        page(bare(np.zeros((5, 6)), np.zeros((6, 5))))
    with pytest.raises(InputError, match="one plane"):
        page(bare(np.zeros((2, 5, 6)), np.zeros((2, 5, 6))))


def test_file_names_that_are_no_text_can_be_written(evidence_of, tmp_path):
    write(evidence_of("cells_\udcff\u202e.tif"), tmp_path / "report.html")
    assert "cells_" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_detail_that_is_not_borne_out_is_shown(evidence):
    plane = np.zeros_like(evidence.pictures.noisy)
    plane[3, 4] = 2.5
    shown, dark = (
        Structure(page(replace(evidence, pictures=replace(evidence.pictures, unsupported=p)))).text
        for p in (plane, np.zeros_like(plane))
    )
    assert "It is strongest at 2.5" in shown
    assert "Nothing was found" in dark
    assert "Nobody looked whether the recording bears out" in Structure(page(evidence)).text


def test_a_spread_says_what_it_is_and_whether_it_was_checked(evidence):
    assert "Nobody checked whether it is right" in Structure(page(evidence)).text
    claim = Claim(name="Disagreement, calibrated", sentences=("It holds.",))
    told = Structure(page(replace(evidence, claim=claim, notes=("A note.",)))).text
    assert "a small disagreement is no proof" in told
    assert "It holds." in told
    assert "A note." in told
