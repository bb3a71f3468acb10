"""Measured runs as a table, as a plot, and as the page docs/performance.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

Run = Mapping[str, Any]

HEAD = ("", "frame", "network", "fps", "CPU ms", "outside", "MiB", "stages: median (p95) ms")
_BAR_WIDTH = 420


def row(run: Run) -> tuple[str, ...]:
    """The cells below HEAD. CPU ms and outside: processor time for one frame, all of it, and of
    everything but the network. Of a contender that could not run, the last cell says why.
    """
    if "failure" in run:
        return (label(run), *("–",) * (len(HEAD) - 2), f"not measured: {run['failure']}")
    stages = " ".join(
        f"{name} {times['median']:.1f} ({times['p95']:.1f})"
        for name, times in run["stages_ms"].items()
    )
    return (
        label(run),
        run["frame_size"],
        f"{run['network_size']} {ran_on(run)}",
        f"{run['fps']:.1f}",
        _number(run["cpu_ms_per_frame"]),
        _number(run["cpu_ms_per_frame_outside_network"]),
        f"{run['peak_memory_mb']:.0f}",
        stages,
    )


def ran_on(run: Run) -> str:
    """As in "openvino cpu bfloat16 scene"; the others' names say what runs them."""
    where = f"{run['engine']} {run['device']} " if run["name"] == "mattecam" else ""
    fitted = " scene" if run.get("norms") == "scene" else ""
    return f"{where}{run['precision']}{fitted}"


def label(run: Run) -> str:
    words = [run["name"], *(() if run["mode"] == "lossless" else (run["mode"],))]
    if run["feed"] != "memory":
        words.append(run["feed"])
    return " ".join(words)


def measured(runs: Sequence[Run]) -> list[Run]:
    """Without the contenders that could not run."""
    return [run for run in runs if "failure" not in run]


def ratios(runs: Sequence[Run]) -> list[str]:
    """One sentence for each contender that ran beside, in the same run."""
    runs = measured(runs)
    ours = [run for run in runs if run["name"] == "mattecam"]
    return [
        f"{ours[-1]['fps'] / other['fps']:.1f} times the {_CALLED[other['name']]}."
        for other in runs
        if other["name"] != "mattecam" and ours
    ]


_CALLED = {"naive": "naive loop", "onnxruntime": "ONNX Runtime loop"}


def describe_machine(machine: Mapping[str, Any]) -> str:
    flags = " ".join(machine["flags"]) or "no vector units that are known"
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return (
        f"{machine['processor']}, {machine['cores']} cores ({flags}), {machine['memory_gb']} GB, "
        f"{machine['system']}, Python {machine['python']}, {packages}"
    )


def plot_svg(runs: Sequence[Run]) -> str:
    """Frames a second as bars, an SVG picture; 60 is marked."""
    runs = measured(runs)
    most = max([60.0, *(run["fps"] for run in runs)])
    height = 28
    rows = []
    for number, run in enumerate(runs):
        top, width = 40 + number * height, run["fps"] / most * _BAR_WIDTH
        words = f"{label(run)}  {run['frame_size']}, network {run['network_size']} {ran_on(run)}"
        colour = "#2f6fed" if run["name"] == "mattecam" else "#9aa3af"
        rows.append(
            f'<text x="330" y="{top + 15}" text-anchor="end">{escape(words)}</text>'
            f'<rect x="340" y="{top + 3}" width="{width:.1f}" height="16" rx="3" fill="{colour}"/>'
            f'<text x="{346 + width:.1f}" y="{top + 15}">{run["fps"]:.1f}</text>'
        )
    line = 340 + 60 / most * _BAR_WIDTH
    total = 56 + len(runs) * height
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="840" height="{total}" '
        f'font-family="sans-serif" font-size="12" fill="#6b7280">'
        f'<text x="340" y="20">frames a second</text>'
        f'<line x1="{line:.1f}" x2="{line:.1f}" y1="30" y2="{total - 12}" stroke="#d97706" '
        'stroke-dasharray="4 3"/>'
        f'<text x="{line - 14:.1f}" y="{total - 1}" fill="#d97706">60</text>'
        + "".join(rows)
        + "</svg>\n"
    )


def page(
    machine: Mapping[str, Any],
    cells: Sequence[Sequence[Run]],
    startup: Mapping[str, Any] | None,
    *,
    command: str,
    plot: str,
) -> str:
    """The page as Markdown. plot: the SVG's file name beside it."""
    lines = [
        "# How fast it is",
        "",
        f"Made by `{command}`; make it again for your machine. All rows of one table row group ran "
        "in turns in one run, so compare within a group: on a shared machine a figure by itself "
        "says little.",
        "",
        f"Machine: {describe_machine(machine)}.{_busy(machine)}",
        "",
        f"![Frames a second]({plot})",
        "",
        "`lossless` rows go as fast as they can in one thread; `live` rows are the threads of the "
        "app at 60 frames a second in, dropping what is too much. *CPU ms* is processor time for "
        "one frame over all threads, *outside* that of everything but the network (resizing, "
        "filter, refinement, colours, composite, I420). The naive loop is MODNet's own "
        "demonstration in torch; the ONNX Runtime loop is the same with the released file. "
        "*scene*: the network is fitted to the scene, as it is in front of a camera "
        "(docs/decisions.md); how much that gains depends on how wide the person is. The row in "
        "int8 without it is what any picture costs.",
        "",
        "| " + " | ".join(HEAD) + " | beside |",
        "|" + "---|" * (len(HEAD) + 1),
    ]
    for cell in cells:
        beside = "" if _is_crowded(machine) else " ".join(ratios(cell))
        for number, run in enumerate(cell):
            last = beside if number == len(cell) - 1 else ""
            lines.append("| " + " | ".join((*row(run), last)) + " |")
    delays = [run for cell in cells for run in cell if run.get("latency_ms")]
    if delays:
        lines += ["", "Delay from capture to output, live, milliseconds:", ""]
        lines += ["| network | median | p95 | dropped |", "|---|---|---|---|"]
        lines += [
            f"| {run['network_size']} | {run['latency_ms']['median']:.0f} | "
            f"{run['latency_ms']['p95']:.0f} | {run['dropped']} |"
            for run in delays
        ]
    if startup is not None:
        torch = "imports" if startup["warm_imports_torch"] else "does not import"
        lines += [
            "",
            f"From starting the process to the first matte: {startup['cold_s']:.1f} s with a cold "
            f"cache (the weights are converted), {startup['warm_s']:.1f} s with a warm one, which "
            f"{torch} torch.",
        ]
    lines += ["", _not_measured(machine, cells), ""]
    return "\n".join(lines)


def _busy(machine: Mapping[str, Any]) -> str:
    """A sentence where other programs took more than a tenth of the processor."""
    load, cores = machine["load"], machine["cores"]
    if load is None or load < 0.1 * cores:
        return ""
    said = (
        f" Other programs were running (load {load:g} at the start, where {cores} is all of it): "
    )
    if _is_crowded(machine):
        return (
            said + "durations and frames a second say nothing, and no ratios are drawn from them; "
            "processor times are about right, but for the naive loop's, whose threads spin."
        )
    return said + "the ratios hold, the frames a second are too few."


def _is_crowded(machine: Mapping[str, Any]) -> bool:
    """Whether others had more to do than there are cores: turns then measure who was let in."""
    return machine["load"] is not None and machine["load"] > machine["cores"]


def _not_measured(machine: Mapping[str, Any], cells: Sequence[Sequence[Run]]) -> str:
    """What this page cannot say, because the machine has none of it."""
    devices = {run["device"] for cell in cells for run in measured(cell)}
    missing = []
    if not any("amx" in flag for flag in machine["flags"]):
        missing.append("a processor with AMX")
    if devices <= {"cpu"}:
        missing.append("a GPU")
    if not missing:
        return "All that this program can run on was measured."
    return f"Not measured, because this machine has none: {', '.join(missing)}."


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"
