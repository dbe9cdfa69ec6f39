"""The viewer in a browser: pointing, clicking and typing change what is shown, and nothing else."""

import re

import numpy as np
import pytest

from keras_transformers.models import masked_language_model
from keras_transformers.viewer import Attention, AttentionView, attention_view, view

pytestmark = pytest.mark.browser
TOKENS = ["[CLS]", "rain", "fell", "again", "[SEP]"]


@pytest.fixture
def open_page(browser, tmp_path):
    """Opens views as files; at the end nothing may have gone wrong or been asked of others."""
    wrong, asked, pages = [], [], []

    def open_page(shown, **options):
        page = browser.new_page(viewport={"width": 1100, "height": 800}, **options)
        pages.append(page)
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: asked.append(request.url))
        path = tmp_path / f"{len(pages)}.html"
        shown.save(path) if isinstance(shown, AttentionView) else path.write_text(shown)
        page.goto(path.as_uri())
        page.set_default_timeout(5000)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert wrong == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert len([url for url in asked if url.startswith("file:")]) == len(pages)


@pytest.fixture
def scores(rng):
    scores = rng.random((3, 2, 5, 5))
    return scores / scores.sum(axis=-1, keepdims=True)


@pytest.fixture
def page(open_page, scores):
    return open_page(attention_view(scores, TOKENS, title="Rain"))


def word(page, side, number):
    return page.locator(".words").nth(["query", "key"].index(side)).locator(".word").nth(number)


def weights(page, side):
    items = page.locator(".words").nth(["query", "key"].index(side)).locator("li")
    return [item.get_attribute("data-weight") for item in items.all()]


def close(given, expected):
    """Whether weights as they are shown are those of the model, as exact as the file is."""
    return given == pytest.approx(expected, abs=1 / 255 + 0.005)


def picture(page):
    return page.evaluate("document.querySelector('canvas').toDataURL()")


def look(page, name):
    page.get_by_role("tab", name=name).click()


def focused(page):
    return page.evaluate("document.activeElement.textContent || document.activeElement.ariaLabel")


def readout(page):
    return page.locator("#readout").inner_text()


def test_pointing_at_a_word_shows_its_weights(page, scores):
    before = picture(page)
    assert weights(page, "key") == [None] * 5
    word(page, "query", 2).hover()
    assert picture(page) != before
    given = [float(weight) for weight in weights(page, "key")]
    assert close(given, scores[0].mean(axis=0)[2])
    assert readout(page).startswith("fell looks most at")
    word(page, "key", 1).hover()
    given = [float(weight) for weight in weights(page, "query")]
    assert close(given, scores[0].mean(axis=0)[:, 1])
    assert readout(page).startswith("rain is most looked at by")
    page.mouse.move(5, 5)
    assert picture(page) == before
    assert weights(page, "query") == [None] * 5


def test_a_click_pins_and_unpins(page, scores):
    before = picture(page)
    word(page, "query", 2).click()
    page.mouse.move(5, 5)
    page.evaluate("document.activeElement.blur()")
    assert picture(page) != before
    assert word(page, "query", 2).get_attribute("aria-pressed") == "true"
    word(page, "key", 3).hover()
    numbers = [float(number) for number in re.findall(r"\d\.\d{3}", readout(page))]
    heads = scores[0, :, 2, 3]
    assert close(numbers, [heads.mean(), *heads])
    word(page, "query", 2).click()
    page.mouse.move(5, 5)
    page.evaluate("document.activeElement.blur()")
    assert picture(page) == before


def test_lines_by_keyboard(page):
    before = picture(page)
    word(page, "query", 0).focus()
    assert readout(page).startswith("[CLS] looks most at")
    for key, expected in (
        ("ArrowDown", "rain"),
        ("ArrowRight", "rain"),
        ("ArrowDown", "fell"),
        ("ArrowLeft", "fell"),
        ("End", "[SEP]"),
        ("ArrowDown", "[SEP]"),
        ("ArrowUp", "again"),
        ("Home", "[CLS]"),
    ):
        page.keyboard.press(key)
        assert focused(page) == expected
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert word(page, "query", 1).get_attribute("aria-pressed") == "true"
    page.keyboard.press("ArrowRight")
    assert readout(page).startswith("rain looks at rain")
    page.keyboard.press("Escape")
    assert word(page, "query", 1).get_attribute("aria-pressed") == "false"
    page.evaluate("document.activeElement.blur()")
    assert picture(page) == before


def test_all_of_it_is_reached_by_tab(page):
    reached = []
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.append(focused(page))
    assert reached[:6] == ["Lines", "012", "0", "1", "all", "[CLS]"]
    page.keyboard.press("Shift+Tab")


def test_heads_are_switched(page, scores):
    word(page, "query", 2).click()
    page.get_by_role("button", name="head 0").click()
    word(page, "query", 2).click()
    given = [float(weight) for weight in weights(page, "key")]
    assert close(given, scores[0, 1, 2])
    page.get_by_role("button", name="head 1").click()
    assert readout(page) == "No head is chosen."
    page.get_by_role("button", name="all").click()
    page.get_by_role("button", name="head 1").dblclick()
    pressed = page.locator(".head").evaluate_all("all => all.map((head) => head.ariaPressed)")
    assert pressed == ["false", "true"]
    assert focused(page) == "1"


def test_layers_are_switched(page, scores):
    page.get_by_label("layer").select_option("2")
    word(page, "query", 4).hover()
    given = [float(weight) for weight in weights(page, "key")]
    assert close(given, scores[2].mean(axis=0)[4])


def test_the_grid_opens_a_head(page, scores):
    look(page, "Grid")
    thumbs = page.locator(".thumb")
    assert thumbs.count() == 6
    thumbs.nth(5).hover()
    assert readout(page).startswith("layer 2, head 1 looks on average most at")
    thumbs.nth(0).focus()
    for key, expected in (
        ("ArrowRight", "open layer 0, head 1"),
        ("ArrowDown", "open layer 1, head 1"),
    ):
        page.keyboard.press(key)
        assert focused(page) == expected
    page.keyboard.press("Enter")
    assert page.get_by_role("tab", name="Lines").get_attribute("aria-selected") == "true"
    assert focused(page) == "Lines"
    assert weights(page, "key") == [None] * 5
    word(page, "query", 0).hover()
    given = [float(weight) for weight in weights(page, "key")]
    assert close(given, scores[1, 1, 0])
    look(page, "Grid")
    thumbs.nth(0).click()
    look(page, "Matrix")
    assert page.get_by_label("layer").input_value() == "0"


def test_the_grid_and_the_matrix_are_as_strong_as_the_weights(page, scores):
    def shares(selector, colour):
        names = ["--paper", colour]
        script = "name => getComputedStyle(document.documentElement).getPropertyValue(name)"
        paper, full = (int(page.evaluate(script, name)[1:3], 16) for name in names)
        pixels = page.locator(selector).first.evaluate(
            "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
        )
        red = np.array(pixels)[::4].reshape(5, 5)
        return ((red - paper) / (full - paper)) ** 2

    look(page, "Matrix")
    np.testing.assert_allclose(shares(".cells canvas", "--ink"), scores[0].mean(axis=0), atol=0.02)
    look(page, "Grid")
    np.testing.assert_allclose(shares(".thumb canvas", "--head-0"), scores[0, 0], atol=0.02)


def test_the_matrix_by_pointer_and_keyboard(page, scores):
    look(page, "Matrix")
    cells = page.locator(".cells")
    cells.hover(position={"x": 36 * 3.5, "y": 36 * 1.5})
    assert readout(page).startswith("rain looks at again")
    numbers = [float(number) for number in re.findall(r"\d\.\d{3}", readout(page))]
    assert close(numbers, [scores[0, :, 1, 3].mean(), *scores[0, :, 1, 3]])
    cells.click(position={"x": 36 * 3.5, "y": 36 * 1.5})
    page.mouse.move(5, 5)
    assert readout(page).startswith("rain looks at again")
    page.keyboard.press("Escape")
    assert readout(page).strip() == ""
    page.get_by_role("button", name="all").focus()
    page.keyboard.press("Tab")
    assert readout(page).startswith("[CLS] looks at [CLS]")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert readout(page).startswith("rain looks at fell")
    page.keyboard.press("Enter")
    assert page.locator(".cross.pinned").count() == 1
    page.keyboard.press("ArrowUp")
    assert readout(page).startswith("[CLS] looks at fell")
    assert page.locator(".cross.pinned").count() == 0


def test_looks_are_changed_by_arrows(page):
    page.get_by_role("tab", name="Lines").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.locator(".thumb").count() == 6
    assert focused(page) == "Grid"


def test_a_pair_of_texts_by_its_parts(open_page, scores):
    page = open_page(attention_view(scores, TOKENS, second_start=3))
    choice = page.get_by_label("attention")
    names = choice.locator("option").all_inner_texts()
    assert names == [
        "both texts",
        "first \u2192 first",
        "second \u2192 second",
        "first \u2192 second",
        "second \u2192 first",
    ]
    choice.select_option(names[3])
    assert page.locator(".word").all_inner_texts() == TOKENS
    word(page, "query", 1).hover()
    given = [float(weight) for weight in weights(page, "key")]
    assert close(given, scores[0].mean(axis=0)[1, 3:])


def test_several_attentions_between_other_tokens(open_page, scores):
    parts = [
        Attention("one", scores[0], TOKENS, list("abcde")),
        Attention("two", scores[0, 0, :1, :1], ["<s>"]),
    ]
    page = open_page(AttentionView(parts, "t"))
    assert page.locator(".word").all_inner_texts() == [*TOKENS, *"abcde"]
    page.get_by_label("attention").select_option("two")
    assert page.locator(".word").all_inner_texts() == ["<s>", "<s>"]
    assert page.get_by_role("tab").all_inner_texts() == ["Lines", "Matrix"]


def test_what_a_mask_looks_at_and_its_guesses(open_page):
    model = masked_language_model("news-small-bert")
    page = open_page(view(model, "Oil [MASK] rose to a [MASK] on Monday."))
    assert readout(page).startswith("[MASK] looks most at")
    assert page.locator(".guesses").count() == 2
    assert "prices" in page.locator(".guesses").first.inner_text()
    page.get_by_role("button", name="[MASK] 2").click()
    assert word(page, "query", 6).get_attribute("aria-pressed") == "true"


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: f"<body>{s._repr_html_()}</body>"])
def test_texts_are_shown_and_never_run(open_page, wrap):
    hostile = attention_view(np.eye(2), [HOSTILE, "</script><b>"], title=HOSTILE)
    page = open_page(wrap(hostile))
    frame = page.frames[-1]
    assert frame.locator("h1").inner_text() == HOSTILE
    assert frame.locator(".word").first.inner_text() == HOSTILE
    assert frame.locator("b, img").count() == 0
    frame.locator(".word").first.hover()
    frame.get_by_role("tab", name="Matrix").click()
    assert frame.locator(".labels li").first.inner_text() == HOSTILE


def on_top(page):
    box = page.locator("img").bounding_box()
    middle = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
    return page.evaluate("at => document.elementFromPoint(...at).tagName", middle)


def test_where_scripts_or_frames_are_not_allowed_there_is_a_picture(open_page, scores):
    cell = attention_view(scores, TOKENS)._repr_html_()
    assert on_top(open_page(cell)) == "IFRAME"
    assert on_top(open_page(cell, java_script_enabled=False)) == "IMG"
    assert on_top(open_page(re.sub("<iframe.*</iframe>", "", cell, flags=re.DOTALL))) == "IMG"


def test_light_and_dark(open_page, scores):
    backgrounds = [
        open_page(attention_view(scores, TOKENS), color_scheme=scheme).evaluate(
            "getComputedStyle(document.body).backgroundColor"
        )
        for scheme in ("light", "dark")
    ]
    assert backgrounds == ["rgb(253, 253, 252)", "rgb(20, 23, 28)"]


def test_twelve_layers_of_twelve_heads_are_painted_within_a_second(open_page, rng):
    scores = rng.random((12, 12, 64, 64)) ** 8
    page = open_page(attention_view(scores / scores.sum(-1, keepdims=True), ["token"] * 64))
    assert page.locator(".thumb").count() == 144
    page.screenshot()
    painted = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
    assert page.evaluate(painted) < 1000
    page.locator(".thumb").last.click()
    assert page.get_by_label("layer").input_value() == "11"
