"""Plots of what limits would have done, for terminals and as SVG."""

from xml.etree import ElementTree as ET

from extauth.simulate.plot_svg import Panel, svg
from extauth.simulate.plot_text import plot
from extauth.simulate.timeline import Count, Counts

START = 1_700_000_000_000_000
COUNTS = Counts(5_000_000, [(START, Count(8, 0)), (START + 5_000_000, Count()), (START + 10_000_000, Count(4, 2))])
SVG = "{http://www.w3.org/2000/svg}"


def test_bars_in_a_terminal() -> None:
    assert plot(COUNTS, width=7, height=4).splitlines() == [
        "8 ┤██",
        "  ┤██",
        "  ┤██  ░░",
        "0 ┤██  ██",
        "  └──────",
        "   2023-11-14T22:13:20Z to 2023-11-14T22:13:35Z, 5 s a bar",
    ]


def test_one_in_a_thousand_shows() -> None:
    counts = Counts(60_000_000, [(START, Count(10_000, 1)), (START + 60_000_000, Count(1, 0))])
    rows = plot(counts, width=2, height=3).splitlines()
    assert [row[-2:] for row in rows[:3]] == ["┤░", "┤█", "██"]
    assert rows[0].startswith("10,000 ")


def test_nothing_to_show() -> None:
    nothing = Counts(1_000_000, [])
    assert plot(nothing, width=10) == "nothing came\n"
    ET.fromstring(svg([Panel("empty", nothing)]))


def test_bars_as_svg() -> None:
    root = ET.fromstring(svg([Panel("A: <1%> & more", COUNTS), Panel("B", COUNTS)]))
    panels = root.findall(f"{SVG}g")
    assert len(panels) == 2
    assert panels[0].findtext(f"{SVG}text") == "A: <1%> & more"
    bars = [group for group in panels[0].findall(f"{SVG}g") if group.find(f"{SVG}title") is not None]
    heights = [{rect.get("class"): float(rect.get("height", 0)) for rect in bar.findall(f"{SVG}rect")} for bar in bars]
    assert [bar.findtext(f"{SVG}title") for bar in bars] == [
        "2023-11-14T22:13:20Z: 8 let through, 0 refused",
        "2023-11-14T22:13:30Z: 2 let through, 2 refused",
    ]
    assert heights[1]["admitted"] == heights[1]["limited"] == heights[0]["admitted"] / 4
