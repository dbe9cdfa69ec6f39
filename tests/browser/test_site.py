"""The site in a real browser, from the disk: nothing fails or comes from the internet."""

from pathlib import Path

import pytest

SITE = Path(__file__).parents[2] / "site"
PAGES = sorted(path for path in SITE.rglob("*.html") if path.name != "404.html")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not PAGES, reason="needs a site: run `make site`"),
]


@pytest.fixture(params=["light", "dark"])
def page(request, browser):
    context = browser.new_context(color_scheme=request.param)
    page = context.new_page()
    page.complaints, page.outside = [], []
    page.on("console", lambda m: page.complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda r: page.outside.append(r.url) if r.url.startswith("http") else None)
    yield page
    context.close()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(SITE)))
def test_opens_from_the_disk(page, path):
    page.goto(path.as_uri(), wait_until="load")
    assert page.complaints == []
    assert page.outside == []
    broken = "images => images.filter(image => !image.naturalWidth).map(image => image.alt)"
    assert page.eval_on_selector_all("article img", broken) == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(SITE)))
def test_equations_are_drawn_and_fit(page, path):
    page.set_viewport_size({"width": 1400, "height": 900})
    page.goto(path.as_uri(), wait_until="load")
    assert page.locator(".katex-error").count() == 0
    too_wide = """equations => equations.filter(e => e.scrollWidth > e.clientWidth + 1)
        .map(e => e.querySelector("annotation").textContent)"""
    assert page.eval_on_selector_all(".katex-display", too_wide) == []
    # In KaTeX's own font, so that it was found.
    if page.locator(".katex").count():
        page.wait_for_function("document.fonts.status == 'loaded'")
        assert page.evaluate(
            "[...document.fonts].some(f => /KaTeX/.test(f.family) && f.status == 'loaded')"
        )


def test_search_finds_a_name(page):
    page.goto((SITE / "index.html").as_uri())
    page.locator(".md-search__input").click()
    page.locator(".md-search__input").press_sequentially("BahdanauAttention")
    page.locator(".md-search-result__item a").first.wait_for(timeout=10_000)
    found = page.locator(".md-search-result__item a").first.get_attribute("href")
    assert "reference/layers.html" in found
    assert page.complaints == page.outside == []
