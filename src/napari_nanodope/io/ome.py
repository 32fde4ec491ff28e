"""What OME-TIFF says of its images, in XML: names of channels and the pixel size."""

import math
from dataclasses import dataclass
from xml.etree import ElementTree

from napari_nanodope.io.units import to_nm

_DEFAULT_UNIT = "µm"  # by the OME schema


@dataclass(frozen=True, slots=True)
class OmeImage:
    """What is said of one image.

    Attributes
    ----------
    names : list of str
        Names of its channels; that of the image where its only channel has none.
    pixel_size_nm : (float, float), optional
        Height and width of a pixel, where stated.
    """

    names: list[str]
    pixel_size_nm: tuple[float, float] | None


def read_ome(xml: str) -> list[OmeImage]:
    """Names and pixel sizes of all images, in their order.

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
    images = ElementTree.fromstring(xml).iterfind("{*}Image")
    return [_read_image(image) for image in images]


def _read_image(image: ElementTree.Element) -> OmeImage:
    pixels = image.find("{*}Pixels")
    if pixels is None:
        return OmeImage([], None)
    names = [channel.get("Name", "") for channel in pixels.findall("{*}Channel")]
    if len(names) == 1:
        names = [names[0] or image.get("Name", "")]
    sizes = [_read_size(pixels, axis) for axis in "YX"]
    return OmeImage(names, (sizes[0], sizes[1]) if min(sizes) > 0 else None)


def _read_size(pixels: ElementTree.Element, axis: str) -> float:
    try:
        size = float(pixels.get(f"PhysicalSize{axis}", "0"))
    except ValueError:
        return 0.0
    unit = to_nm(pixels.get(f"PhysicalSize{axis}Unit", _DEFAULT_UNIT))
    return float(f"{size * unit:.9g}") if unit and math.isfinite(size) else 0.0
