"""A sum spectrum on a canvas, with windows whose edges the mouse takes hold of."""

from collections.abc import Sequence
from typing import Any

from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from qtpy.QtCore import QSize, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QSizePolicy

from napari_nanodope._napari.window_edges import Edge, find_edge, move_edge
from napari_nanodope.core.xray import XrayLine
from napari_nanodope.figures import draw_spectrum, journal_style
from napari_nanodope.figures.style import draw_nothing
from napari_nanodope.io.spectrum import SumSpectrum
from napari_nanodope.recipe import LineWindows

_REACH_PX = 7
_ZOOM, _LEAST_CHANNELS, _MARGIN = 1.25, 20, 0.6  # the last in widths of all windows together
_SMALLEST = QSize(280, 250)


class SpectrumCanvas(FigureCanvasQTAgg):
    """Edges are dragged; the wheel zooms, dragging elsewhere moves the picture.

    A double click shows the whole spectrum.
    """

    windows_moved = Signal(object)

    def __init__(self) -> None:
        with journal_style():
            figure = Figure(layout="constrained", facecolor="white", dpi=120)
            super().__init__(figure)  # type: ignore[no-untyped-call]
            self._axes = self.figure.subplots()
        self.windows: LineWindows | None = None
        self._spectrum: SumSpectrum | None = None
        self._part: SumSpectrum | None = None
        self._lines: Sequence[XrayLine] = ()
        self._limits: tuple[float, float] | None = None
        self._edge: Edge | None = None
        self._held_keV: float | None = None
        self.is_logarithmic = True
        self.setMinimumSize(_SMALLEST)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        listen: Any = self.mpl_connect
        for name, act in {
            "button_press_event": self._on_press,
            "motion_notify_event": self._on_move,
            "button_release_event": self._on_release,
            "scroll_event": self._on_scroll,
        }.items():
            listen(name, act)
        self.show_nothing("")

    def sizeHint(self) -> QSize:
        """As small as can be read."""
        return _SMALLEST

    def draw(self) -> None:
        """Draw in the style of the figures, in which marks may still be made."""
        with journal_style():
            super().draw()  # type: ignore[no-untyped-call]

    def show_nothing(self, reason: str) -> None:
        """Say instead of a spectrum why there is none."""
        self._spectrum = self._part = self.windows = self._limits = None
        with journal_style():
            self._axes.clear()
            draw_nothing(self._axes, reason)
        self._draw_soon()

    def show_spectrum(
        self,
        spectrum: SumSpectrum,
        windows: LineWindows | None,
        lines: Sequence[XrayLine],
        part: SumSpectrum | None = None,
    ) -> None:
        """Draw other numbers; what is in sight stays in sight."""
        self._spectrum, self.windows = spectrum, windows
        self._lines, self._part = lines, part
        self.redraw()

    def redraw(self) -> None:
        """Draw everything as it is now."""
        if self._spectrum is None:
            return
        with journal_style():
            self._axes.clear()
            self._axes.set_axis_on()
            self._axes.set_yscale("log" if self.is_logarithmic else "linear")
            if self._limits is not None:
                self._axes.set_xlim(*self._limits)
            draw_spectrum(
                self._axes,
                self._spectrum,
                windows=self.windows,
                lines=self._lines,
                part=self._part,
            )
        self._draw_soon()

    def _draw_soon(self) -> None:
        """Ask for the picture when there is time, once for all that was asked."""
        self.draw_idle()  # type: ignore[no-untyped-call]

    def zoom_to_windows(self) -> None:
        """Show the windows and what lies beside them; everything where there are none."""
        self._limits = None
        if self.windows is not None:
            ends = [end for window in self.windows.in_order() for end in window]
            margin = _MARGIN * (ends[-1] - ends[0])
            self._see(ends[0] - margin, ends[-1] + margin)
        self.redraw()

    def zoom_out(self) -> None:
        """Show the whole spectrum."""
        self._limits = None
        self.redraw()

    def to_px(self, energy_keV: float) -> float:
        """Place of an energy in pixels from the left."""
        return float(self._axes.transData.transform((energy_keV, 1.0))[0])

    def _see(self, low: float, high: float) -> None:
        """Limit what is in sight to the spectrum, and to no less than some channels."""
        if self._spectrum is None:
            return
        energy = self._spectrum.energy
        first, last = max(energy.offset_keV, 0.0), energy.end_keV
        width = min(max(high - low, _LEAST_CHANNELS * energy.step_keV), last - first)
        low = min(max(low, first), last - width)
        self._limits = (low, low + width)

    # Mouse

    def _on_press(self, event: Any) -> None:
        if event.inaxes is not self._axes or event.button != 1 or self._spectrum is None:
            return
        if event.dblclick:
            self.zoom_out()
            return
        self._edge, self._held_keV = self._find_edge(event), event.xdata
        self.figure.set_layout_engine("none")  # the same until release, which is faster

    def _on_move(self, event: Any) -> None:
        if event.inaxes is not self._axes or self._spectrum is None:
            return
        if self._edge is not None and self.windows is not None:
            moved = move_edge(self.windows, self._edge, event.xdata, self._spectrum.energy)
            if moved != self.windows:
                self.windows = moved
                self.redraw()
                self.windows_moved.emit(moved)
        elif self._held_keV is not None:
            low, high = self._axes.get_xlim()
            by = self._held_keV - event.xdata
            self._see(low + by, high + by)
            self.redraw()
        else:
            near = self._find_edge(event) is not None
            shape = Qt.CursorShape.SplitHCursor if near else Qt.CursorShape.ArrowCursor
            self.setCursor(shape)

    def _on_release(self, _: Any) -> None:
        if self._held_keV is not None:
            self._edge = self._held_keV = None
            self.figure.set_layout_engine("constrained")
            self._draw_soon()

    def _on_scroll(self, event: Any) -> None:
        if event.inaxes is not self._axes or self._spectrum is None:
            return
        low, high = self._axes.get_xlim()
        factor = _ZOOM**-event.step
        self._see(
            event.xdata - (event.xdata - low) * factor, event.xdata + (high - event.xdata) * factor
        )
        self.redraw()

    def _find_edge(self, event: Any) -> Edge | None:
        if self.windows is None:
            return None
        low, high = self._axes.get_xlim()
        reach = _REACH_PX * self.device_pixel_ratio * (high - low) / self._axes.bbox.width
        return find_edge(self.windows, event.xdata, reach)
