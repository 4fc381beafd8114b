"""Plots of measurements as SVG, without a plotting library."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 380, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 16, 34, 48
_STYLE = (
    "text{font:12px sans-serif;fill:#333}.title{font-weight:bold}"
    ".axis{stroke:#333;fill:none}.grid{stroke:#ddd}"
    ".line{stroke:#1f77b4;fill:none;stroke-width:1.5}.point{fill:#1f77b4}"
    ".asked{stroke:#d62728;stroke-dasharray:5 4}"
)
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot with linear axes from zero.

    Args:
        title: What it shows.
        x_name: Name and unit along x.
        y_name: Name and unit along y.
        points: What was measured.
        line: From where to where a fitted line goes; None for none.
    """

    title: str
    x_name: str
    y_name: str
    points: Sequence[tuple[float, float]]
    line: tuple[tuple[float, float], tuple[float, float]] | None = None


def draw(plots: Sequence[Plot]) -> str:
    """Return an SVG picture of plots side by side."""
    width = WIDTH * len(plots)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" '
        f'width="{width}" height="{HEIGHT}"><style>{_STYLE}</style>'
        f'<rect width="{width}" height="{HEIGHT}" fill="#fff"/>'
    ]
    for number, plot in enumerate(plots):
        parts.append(f'<g transform="translate({number * WIDTH} 0)">')
        parts += _parts(plot)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>", ""])


def _parts(plot: Plot) -> list[str]:
    ends = [*plot.points, *(plot.line or ())]
    x_step, y_step = (_step(max(end[axis] for end in ends)) for axis in (0, 1))
    x_count = _count(max(end[0] for end in ends), x_step)
    y_count = _count(max(end[1] for end in ends), y_step)
    right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            round(_LEFT + (right - _LEFT) * x / (x_count * x_step), 1),
            round(bottom - (bottom - _TOP) * y / (y_count * y_step), 1),
        )

    parts = [f'<text class="title" x="{_LEFT}" y="18">{escape(plot.title)}</text>']
    for index in range(y_count + 1):
        _, y = place(0.0, index * y_step)
        parts.append(f'<path class="grid" d="M{_LEFT} {y}H{right}"/>')
        parts.append(
            f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{index * y_step:g}</text>'
        )
    for index in range(x_count + 1):
        x, _ = place(index * x_step, 0.0)
        parts.append(
            f'<text x="{x}" y="{bottom + 17}" text-anchor="middle">{index * x_step:g}</text>'
        )
    parts.append(f'<path class="axis" d="M{_LEFT} {_TOP}V{bottom}H{right}"/>')
    middle_x, middle_y = (_LEFT + right) / 2, (_TOP + bottom) / 2
    parts.append(
        f'<text x="{middle_x}" y="{HEIGHT - 12}" text-anchor="middle">{escape(plot.x_name)}</text>'
    )
    parts.append(
        f'<text transform="translate(16 {middle_y}) rotate(-90)" text-anchor="middle">'
        f"{escape(plot.y_name)}</text>"
    )
    if plot.line is not None:
        (x1, y1), (x2, y2) = (place(*end) for end in plot.line)
        parts.append(f'<path class="line" d="M{x1} {y1}L{x2} {y2}"/>')
    for point in plot.points:
        x, y = place(*point)
        parts.append(f'<circle class="point" cx="{x}" cy="{y}" r="4"/>')
    return parts


def _step(largest: float) -> float:
    """Return a round step that makes four to eight of them."""
    power = 1.0
    while power * 50.0 < largest:
        power *= 10.0
    while power * 5.0 > largest:
        power /= 10.0
    return next((power * step for step in _STEPS if largest / (power * step) <= 7.0), power * 10.0)


def _count(largest: float, step: float) -> int:
    return int(largest / step * 0.999) + 1
