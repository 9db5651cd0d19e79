import re
import shutil

import pytest

from pellucid.report.page import write

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))),
    None,
)
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-sync",
    "--disable-component-update",
)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="install Chromium to drive the slider"),
]


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="install playwright to drive the slider")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


class Opened:
    """A report in the browser, and everything the browser did that it should not."""

    def __init__(self, browser, address: str, width: int, scheme: str = "light") -> None:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page = context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.goto(address)

    def share(self) -> float:
        """Percentage of the width over which the noisy image is shown."""
        clip = self.page.eval_on_selector(".noisy", "element => getComputedStyle(element).clipPath")
        hidden = re.fullmatch(r"inset\(0px (?:calc\(100% - )?([\d.]+)%\)? 0px 0px\)", clip)
        return float(hidden.group(1)) if "calc" in clip else 100 - float(hidden.group(1))

    def drag(self, start: float, stop: float) -> None:
        """Drag from one share of the width to another, at a third of the height."""
        box = self.page.locator("#stage").bounding_box()
        down = box["y"] + box["height"] / 3
        self.page.mouse.move(box["x"] + start * box["width"], down)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + stop * box["width"], down, steps=4)
        self.page.mouse.up()


@pytest.fixture
def show(browser, evidence, tmp_path):
    """Return a function that opens a report; afterwards nothing else was loaded and nothing complained."""
    opened: list[Opened] = []

    def _show(width: int = 1280, shown=evidence, scheme: str = "light") -> Opened:
        path = tmp_path / "report.html"
        write(shown, path)
        opened.append(Opened(browser, path.as_uri(), width, scheme))
        return opened[-1]

    yield _show
    for one in opened:
        one.page.context.close()
        assert [url for url in one.requests if not url.startswith("data:image/png")] == [
            (tmp_path / "report.html").as_uri()
        ]
        assert one.complaints == []


def test_drag_moves_the_divider(show):
    report = show()
    assert report.share() == 50
    report.drag(0.5, 0.2)
    assert report.share() == pytest.approx(20, abs=0.6)
    report.page.mouse.move(5, 5)
    assert report.share() == pytest.approx(20, abs=0.6)


def test_keyboard_moves_the_divider(show):
    report = show()
    report.page.locator("#split").focus()
    for key, share in (("ArrowRight", 50.5), ("ArrowLeft", 50), ("Home", 0), ("End", 100)):
        report.page.keyboard.press(key)
        assert report.share() == share


def test_touch_moves_the_divider(browser, show, tmp_path):
    show()
    with browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True) as context:
        report = context.new_page()
        report.goto((tmp_path / "report.html").as_uri())
        box = report.locator("#stage").bounding_box()
        report.touchscreen.tap(box["x"] + 0.8 * box["width"], box["y"] + 20)
        assert float(report.locator("#split").input_value()) == pytest.approx(80, abs=0.6)


def test_contrast_changes_both_images_alike(show):
    from playwright.sync_api import expect

    page = show().page
    page.locator("#gamma").fill("0.5")
    page.locator("#white").fill("50")
    filters = page.eval_on_selector_all("#stage img", "all => all.map(one => getComputedStyle(one).filter)")
    assert filters == ['url("#tone")', 'url("#tone")']
    curve = page.locator("#tone > feComponentTransfer > *").first
    assert float(curve.get_attribute("exponent")) == 0.5
    assert float(curve.get_attribute("amplitude")) == pytest.approx(0.5**-0.5)
    assert "gamma 0.50" in page.locator("#window").inner_text()
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("#window")).to_contain_text("gamma 1.00")
    assert float(curve.get_attribute("amplitude")) == 1


def test_zoom_shows_one_image_pixel_on_one_screen_pixel(show):
    page = show().page
    for zoom, width in (("1 : 1", 128), ("4 : 1", 512)):
        page.get_by_label(zoom, exact=True).check()
        assert page.locator("#stage").bounding_box()["width"] == width
    page.get_by_label("Fit", exact=True).check()
    assert page.locator("#stage").bounding_box()["width"] > 512


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_is_wider_than_the_screen(show, evidence_of, width):
    report = show(width, evidence_of("A_very_long_name_without_a_space_" * 4), "dark")
    report.page.locator("summary").click()
    report.page.get_by_label("4 : 1", exact=True).check()
    assert report.page.evaluate("document.documentElement.scrollWidth") <= width


def test_hostile_names_do_nothing(show, evidence_of):
    hostile = "<script>alert(1)</script><img src='https://evil.example/a.png' onerror='alert(1)'>"
    report = show(1280, evidence_of(hostile))
    assert report.page.locator("h1").inner_text() == hostile


def test_printed_page_shows_both_images_side_by_side(show):
    page = show().page
    page.emulate_media(media="print")
    noisy, restored = (page.locator(f"#stage .{name} img").bounding_box() for name in ("noisy", "restored"))
    assert noisy["x"] + noisy["width"] < restored["x"]
    assert noisy["y"] == restored["y"]
