"""The learning curve of a training, as an SVG file of its own."""

import io
from collections.abc import Sequence

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

# Dashes tell the losses apart without colour.
STYLES = (
    ("#006d77", "-"),
    ("#c27b00", "--"),
    ("#7b3294", ":"),
    ("#3a7ebf", "-."),
    ("#555555", "-"),
)
TITLES = {"labels": "fine classes", "contrast": "two views"}
OTHER = "teacher"  # losses that bear the name of a teacher's recipe


def learning_curve(points: Sequence[dict[str, float]]) -> str:
    """Losses over the steps, and below them macro F1 in the validation, where there was one.

    Args:
        points: of each ``step``, losses by name (``loss`` is their weighted sum and is not drawn),
            and ``validation`` where it was measured.

    Returns:
        SVG text on a white ground.
    """
    figure = Figure(figsize=(7.2, 5.0), layout="constrained")
    FigureCanvasSVG(figure)
    looks = [(each["step"], each["validation"]) for each in points if "validation" in each]
    names = [
        name for name in (points[-1] if points else {})
        if name not in ("step", "seconds", "loss", "validation")
    ]  # fmt: skip
    if looks:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        lower.plot(*zip(*looks, strict=True), color="#222222", marker="o", markersize=5)
        for step, score in looks:
            lower.annotate(
                f"{score:.3f}", (step, score), xytext=(0, -12), textcoords="offset points",
                ha="center", va="top", fontsize=9,
            )  # fmt: skip
        lower.set_ylabel("macro F1, cells never seen")
        lower.margins(y=0.4)
    else:
        upper = lower = figure.subplots()
    for number, name in enumerate(names):
        colour, dashes = STYLES[number % len(STYLES)]
        drawn = [(each["step"], each[name]) for each in points if name in each]
        title = TITLES.get(name, f"{OTHER} {name.rpartition('-')[0] or name}")
        upper.plot(*zip(*drawn, strict=True), color=colour, linestyle=dashes, label=title)
    upper.set_ylabel("loss")
    upper.set_ylim(bottom=0)
    upper.legend(frameon=False, fontsize=9, loc="upper right")
    lower.set_xlabel("step")
    lower.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in {upper, lower}:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#dddddd", linewidth=0.75)
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "blastline"}):
        figure.savefig(buffer, format="svg", facecolor="white", metadata={"Date": None})
    return buffer.getvalue()
