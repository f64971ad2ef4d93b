"""Figures as inline SVG: matplotlib draws, the page's own stylesheet gives colour and type.

matplotlib sees neither the text of users nor the colours of a scheme. Text is drawn as "0" and
put in afterwards, so no name is parsed as a formula or lacks a glyph; each colour is a code for a
variable of the stylesheet, so a figure follows the light and the dark scheme.
"""

import io
import re
from typing import Any
from xml.etree import ElementTree

import matplotlib
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

INK, MUTED, RULE, STAIN, ON_STAIN, BAND = (f"#00000{n}" for n in range(1, 7))
_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    RULE: "var(--rule)",
    STAIN: "var(--stain)",
    ON_STAIN: "var(--on-stain)",
    BAND: "var(--band)",
}
_SVG = "{http://www.w3.org/2000/svg}"
_XLINK = "{http://www.w3.org/1999/xlink}"


class Drawing:
    """A sheet whose unit is one CSS pixel, with its origin at the top left."""

    def __init__(self, name: str, width: float, height: float) -> None:
        """Start a sheet; ``name`` tells its ids from those of the page's other figures."""
        self.name, self.width, self.height = f"figure-{name}", width, height
        self._texts: dict[str, str] = {}
        self._figure = Figure(figsize=(width / 72, height / 72), dpi=72, frameon=False)
        FigureCanvasSVG(self._figure)
        self.axes: Axes = self._figure.add_axes((0, 0, 1, 1))
        self.axes.set_axis_off()
        self.axes.set_xlim(0, width)
        self.axes.set_ylim(height, 0)

    def text(self, x: float, y: float, text: str, **style: Any) -> None:
        """Write one line of text; ``style`` as for ``Axes.text``."""
        key = f"text-{len(self._texts)}"
        self._texts[key] = text
        style = {"color": INK, "size": 12, "va": "center_baseline", **style}
        # Without "anchor", rotated text would be placed by its width, which "0" does not have.
        self.axes.text(x, y, "0", gid=key, rotation_mode="anchor", **style)

    def line(self, x: tuple[float, float], y: tuple[float, float], **style: Any) -> None:
        """Draw a line from (x[0], y[0]) to (x[1], y[1]); ``style`` as for ``Axes.plot``."""
        style = {"color": RULE, "linewidth": 1, "solid_capstyle": "butt", **style}
        self.axes.plot(x, y, clip_on=False, **style)

    def to_svg(self, title: str, shown: float, least: float) -> Markup:
        """The drawing as an SVG element, ``shown`` pixels wide, and shrinking to ``least``."""
        buffer = io.StringIO()
        # "none" keeps text as text: it can be searched, copied and read aloud.
        with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "blastline"}):
            self._figure.savefig(
                buffer, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
            )
        drawn = ElementTree.fromstring(buffer.getvalue())
        for definitions in drawn.findall(f"{_SVG}defs"):  # a <style> that would rule the whole page
            drawn.remove(definitions)
        for group in drawn.iter(f"{_SVG}g"):
            if group.get("id") in self._texts:
                group[0].text = self._texts[group.attrib["id"]]
        for element in drawn.iter():
            self._adapt(element)
        svg = ElementTree.Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "class": "plot",
                "role": "img",
                "aria-labelledby": f"{self.name}-title",
                "viewBox": f"0 0 {self.width:g} {self.height:g}",
                "width": f"{shown:g}",
                "style": f"min-width: {min(least, shown):g}px",
            },
        )
        ElementTree.SubElement(svg, "title", {"id": f"{self.name}-title"}).text = title
        svg.extend(drawn)
        # ElementTree escapes the text; what it returns is the only markup that we vouch for.
        return Markup(ElementTree.tostring(svg, encoding="unicode", short_empty_elements=False))

    def _adapt(self, element: ElementTree.Element) -> None:
        """Drop namespaces and fonts, put variables for colours, and make ids the page's own."""
        element.tag = element.tag.removeprefix(_SVG)
        element.tail = None
        if element.tag != "text":
            element.text = None
        if "d" in element.attrib:
            element.set("d", " ".join(element.attrib["d"].split()))
        style = re.sub(r"font-family: [^;]*(; )?", "", element.attrib.pop("style", ""))
        for colour, variable in _VARIABLES.items():
            style = style.replace(colour, variable)
        if style:
            element.set("style", style)
        target = element.attrib.pop(f"{_XLINK}href", None)
        if target:
            element.set("href", f"#{self.name}-{target.removeprefix('#')}")
        identity = element.attrib.pop("id", None)
        if identity and element.tag == "path":  # a marker's shape: all that is ever referred to
            element.set("id", f"{self.name}-{identity}")
