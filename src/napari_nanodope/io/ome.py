"""What OME-TIFF says of its images, in XML: names of channels and the pixel size."""

import math
from xml.etree import ElementTree

from napari_nanodope.io.units import to_nm

_DEFAULT_UNIT = "µm"  # by the OME schema


def read_ome(xml: str) -> tuple[list[str], tuple[float, float] | None]:
    """Names of the channels of the first image, and its pixel size (dy, dx) in nm, where stated.

    Raises
    ------
    ValueError
        If the text declares a document type, which could define entities without end.
    xml.etree.ElementTree.ParseError
        If it is no XML.

    References
    ----------
    .. [1] I. G. Goldberg et al., Genome Biology 2005, 6, R47.
    """
    if "<!" in xml.replace("<!--", ""):
        raise ValueError("XML with a document type, which is not read")
    pixels = ElementTree.fromstring(xml).find(".//{*}Pixels")
    if pixels is None:
        return [], None
    names = [channel.get("Name", "") for channel in pixels.findall("{*}Channel")]
    sizes = [_read_size(pixels, axis) for axis in "YX"]
    return names, (sizes[0], sizes[1]) if min(sizes) > 0 else None


def _read_size(pixels: ElementTree.Element, axis: str) -> float:
    try:
        size = float(pixels.get(f"PhysicalSize{axis}", "0"))
    except ValueError:
        return 0.0
    unit = to_nm(pixels.get(f"PhysicalSize{axis}Unit", _DEFAULT_UNIT))
    return float(f"{size * unit:.9g}") if unit and math.isfinite(size) else 0.0
