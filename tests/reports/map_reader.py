"""A person before the map of a report."""

import json
from pathlib import Path

from classifiers.cell_parts import MapPart
from tests.pipeline.review_reader import api

HEIGHT = 1100
COPY = """(canvas) => {
  const copy = document.createElement("canvas");
  [copy.width, copy.height] = [canvas.width, canvas.height];
  const pen = copy.getContext("2d", { willReadFrequently: true });
  pen.drawImage(canvas, 0, 0);
  return pen.getImageData(0, 0, copy.width, copy.height);
}"""
COMMONEST = f"""() => {{
  const {{ data }} = ({COPY})(document.querySelector(".map-stage > canvas"));
  const counts = new Map();
  for (let i = 0; i < data.length; i += 4) {{
    if (data[i + 3] < 255) continue;
    const colour = `rgb(${{data[i]}}, ${{data[i + 1]}}, ${{data[i + 2]}})`;
    counts.set(colour, (counts.get(colour) || 0) + 1);
  }}
  return [...counts].sort((a, b) => b[1] - a[1]).slice(0, 8).map(([colour]) => colour);
}}"""
MIDDLE = f"""() => {{
  const {{ data, width, height }} = ({COPY})(document.querySelector(".map-tip canvas"));
  const at = 4 * (width * (height / 2) + width / 2);
  return [...data.slice(at, at + 3)];
}}"""
MOVING = """() => [...document.querySelectorAll(".map *")].some((each) => {
  const style = getComputedStyle(each);
  return style.animationName !== "none" || parseFloat(style.transitionDuration) > 0;
})"""


class Reader:
    """A person before the map; complaints and requests are noted."""

    def __init__(self, browser: "api.Browser", file: Path, width: int, **profile: object) -> None:
        self.profile = browser.new_context(
            viewport={"width": width, "height": HEIGHT}, **{"color_scheme": "light", **profile}
        )
        self.page = self.profile.new_page()
        self.file = file
        self.complaints: list[str] = []
        self.requests: set[str] = set()
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.on("request", lambda request: self.requests.add(request.url.partition(":")[0]))
        self.page.goto(file.as_uri())
        self.page.locator("#map-figure").scroll_into_view_if_needed()

    def place(self, part: MapPart, cell: int) -> tuple[float, float]:
        """Where a cell is shown before any zoom, in pixels of the window."""
        self.page.locator("#map-stage").scroll_into_view_if_needed()
        box = self.page.locator("#map-stage").bounding_box()
        side = box["width"] - 2
        margin = 3 * max(side, 320) * self.radius
        return (
            box["x"] + 1 + margin + (side - 2 * margin) * part.x[cell],
            box["y"] + box["height"] / 2 + (side - 2 * margin) * (0.5 - part.y[cell]),
        )

    @property
    def radius(self) -> float:
        data = self.page.locator("#map-data").text_content()
        return float(json.loads(data)["radius"])

    @property
    def tip(self) -> str:
        tip = self.page.locator(".map-tip")
        return "\n".join(tip.locator("p").all_inner_texts()) if tip.is_visible() else ""

    def press(self, *keys: str) -> str:
        """What is said aloud after these keys."""
        for key in keys:
            self.page.keyboard.press(key)
        return str(self.page.locator("#map-said").text_content())

    def painted(self) -> list[str]:
        """The commonest colours on the canvas."""
        return list(self.page.evaluate(COMMONEST))

    def settle(self) -> None:
        self.page.evaluate("() => new Promise((go) => requestAnimationFrame(() => setTimeout(go)))")
