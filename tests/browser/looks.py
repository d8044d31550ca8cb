"""What every page owes a person: it fits a phone, is read in light and dark, and is touched without aiming."""

from playwright.sync_api import Page, expect

from .conftest import DESK, PHONE

WIDER_THAN_WINDOW = """() => [...document.querySelectorAll('body *')].filter(e => {
    const box = e.getBoundingClientRect();
    if (!box.width || getComputedStyle(e).position === 'fixed') return false;
    for (let p = e; p; p = p.parentElement) if (getComputedStyle(p).overflowX !== 'visible') return false;
    return box.right > innerWidth + 1;
}).map(e => e.outerHTML.slice(0, 120))"""
SMALL_TARGETS = """() => [...document.querySelectorAll(
    'main a, main button, nav a, main input, main select, main summary')].filter(e => {
    const box = (e.closest('label') ?? e).getBoundingClientRect();
    const style = getComputedStyle(e);
    const inText = e.tagName === 'A' && style.display === 'inline';
    return box.width && !inText && e.type !== 'hidden' && !e.closest('svg, .visually-hidden, .crumbs, .list .what')
        && (box.height < 38 || box.width < 38);
}).map(e => e.outerHTML.slice(0, 160))"""
FAINT = """() => {
    const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    const read = colour => {
        canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255];
    };
    const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
    const linear = v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => [r, g, b].map(v => linear(v / 255))
        .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
    const behind = e => {
        const layers = [];
        for (let p = e; p; p = p.parentElement) {
            const colour = read(getComputedStyle(p).backgroundColor);
            if (colour[3]) layers.push(colour);
            if (colour[3] === 1) break;
        }
        return layers.reverse().reduce((under, layer) => over(layer, under), [255, 255, 255, 1]);
    };
    return [...document.querySelectorAll('body *')].filter(e => {
        const words = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
        const style = getComputedStyle(e), box = e.getBoundingClientRect();
        const elsewhere = 'svg, [disabled], .visually-hidden, dialog:not([open]), .press, script, option';
        return words && box.width > 1 && style.visibility === 'visible' && !e.closest(elsewhere);
    }).map(e => {
        const style = getComputedStyle(e), ground = behind(e), ink = over(read(style.color), ground);
        const [a, b] = [light(ink), light(ground)].sort((x, y) => y - x), ratio = (a + .05) / (b + .05);
        const size = parseFloat(style.fontSize);
        const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
        return ratio < (large ? 3 : 4.5) ? `${ratio.toFixed(2)} ${e.outerHTML.slice(0, 90)}` : null;
    }).filter(Boolean);
}"""


def looks_well(page: Page, language: str) -> None:
    """`page` is open on a phone, in light colours."""
    expect(page.locator("h1").first).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == language
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.evaluate(WIDER_THAN_WINDOW) == []
    assert page.evaluate(SMALL_TARGETS) == []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert page.evaluate(FAINT) == []  # WCAG AA: 4.5 to 1, 3 to 1 where it is large
    page.set_viewport_size(DESK)
    assert page.evaluate(FAINT) == []
