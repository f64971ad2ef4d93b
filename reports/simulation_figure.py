"""The figure of a simulation with hidden labels, as an SVG file of its own."""

import io
from collections.abc import Sequence

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from classifiers.simulation import TITLES, Arm, Simulation, mean_of

# Markers and dashes tell the arms apart without colour.
STYLES: dict[Arm, tuple[str, str, str]] = {
    "labelled": ("#555555", "o", "-"),
    "self_training": ("#7b3294", "D", "-"),
    "feedback": ("#c27b00", "^", "--"),
    "review": ("#006d77", "s", "-"),
    "random": ("#3a7ebf", "x", ":"),
}
ASIDE = 0.06  # of the room of a share, between the arms


def simulation_figure(found: Simulation, shares: Sequence[float]) -> str:
    """Macro F1 of every arm at each share of labels, with 95 % t intervals over the draws.

    Returns:
        SVG text on a white ground.
    """
    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.add_subplot()
    shares = sorted(shares)
    places = range(len(shares))
    every = mean_of(list(found.values("all", 1.0).values()))
    if every.value is not None:
        axes.axhline(every.value, color="#222222", linewidth=1, linestyle=(0, (1, 2)))
        axes.annotate(
            TITLES["all"], (0.01, every.value), xycoords=("axes fraction", "data"), ha="left",
            va="bottom", fontsize=9, color="#222222",
        )  # fmt: skip
    for number, (arm, (colour, marker, line)) in enumerate(STYLES.items()):
        means = [mean_of(list(found.values(arm, share).values())) for share in shares]
        known = [(place, each) for place, each in zip(places, means, strict=True) if each.value]
        if not known:
            continue
        x = [place + ASIDE * (number - len(STYLES) // 2) for place, _ in known]
        values = [each.value or 0.0 for _, each in known]
        reach = [0.0 if each.high is None else each.high - (each.value or 0.0) for _, each in known]
        # No figure lies beyond 0 and 1, whatever a t interval of few draws says.
        bars = [
            [min(far, value) for far, value in zip(reach, values, strict=True)],
            [min(far, 1 - value) for far, value in zip(reach, values, strict=True)],
        ]
        axes.errorbar(
            x, values, yerr=bars, color=colour, marker=marker, linestyle=line, markersize=5,
            linewidth=1.5, elinewidth=1, capsize=2, label=TITLES[arm],
        )  # fmt: skip
    axes.set_xticks(list(places), [f"{100 * found.share_kept(share):.0f} %" for share in shares])
    axes.set_xlabel("share of the training labels that is kept")
    axes.set_ylabel("macro F1 on cells that no arm saw")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#dddddd", linewidth=0.75)
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "blastline"}):
        figure.savefig(buffer, format="svg", facecolor="white", metadata={"Date": None})
    return buffer.getvalue()
