"""How the fields were measured, as a paper's experimental section tells it."""

from collections.abc import Callable, Sequence
from typing import Any

from napari_nanodope.materials import MATERIALS
from napari_nanodope.report.citations import Bibliography
from napari_nanodope.report.contents import Contents, FieldEntry
from napari_nanodope.report.wording import (
    group,
    tell_count,
    tell_differing,
    tell_list,
    tell_number,
    tell_range,
    tell_where,
)

_VOLUMES = {
    "area": "that of the sphere of the same projected area",
    "inradius": "that of the sphere of its inradius",
    "host": "its share by {host} counts of the total volume of spheres of the same projected areas",
}


_NONE_OUT = "no particles were left out for their shape, size or place"


def describe_microscopy(contents: Contents, cited: Bibliography) -> list[str]:
    """Paragraphs on the fields that were measured; none where there are no fields."""
    fields = contents.measured
    if not fields:
        return []
    return [
        " ".join(sentences)
        for sentences in (
            [_tell_data(contents, cited), *_tell_maps(fields)],
            [*_tell_outlines(fields, cited), _tell_selection(fields)],
            [_tell_counting(fields, cited), _tell_intervals(cited)],
            [_tell_depth(fields, cited), _tell_location(fields)],
        )
    ]


def _by_sample(fields: Sequence[FieldEntry], tell: Callable[[FieldEntry], str]) -> str:
    """What is told of every field: once, by sample, or by field where a sample's fields differ."""
    by_sample = {one.field.sample_id: tell(one) for one in fields}
    if all(tell(one) == by_sample[one.field.sample_id] for one in fields):
        return tell_differing(by_sample)
    return tell_differing({one.field.name: tell(one) for one in fields})


def _get(entry: FieldEntry, *places: str) -> Any:
    value: Any = entry.provenance
    for place in places:
        value = value.get(place) if isinstance(value, dict) else None
    return value


def _tell_data(contents: Contents, cited: Bibliography) -> str:
    fields = contents.measured
    n_samples = len({one.field.sample_id for one in fields})
    pixels = [side for one in fields for side in (_get(one, "pixel_size_nm") or [])]
    size = f", with pixels of {tell_range(pixels, 'nm')}," if pixels else ""
    versions = _by_sample(fields, lambda one: str(_get(one, "version")))
    rejected = [one for one in contents.fields if one.state.status == "rejected"]
    left_out = ""
    if rejected:
        verb = "was" if len(rejected) == 1 else "were"
        left_out = f" {tell_count(len(rejected), 'further field')} {verb} rejected by a person."
    return (
        f"STEM-EDS: {tell_count(len(fields), 'field')} of view of "
        f"{tell_count(n_samples, 'sample')}{size} were analysed with napari-nanodope {versions} "
        f"by the counting of dopants in particles {cited.cite('nanodope')}.{left_out}"
    )


def _tell_maps(fields: Sequence[FieldEntry]) -> list[str]:
    """How net maps were made, or that they were there."""
    made = [one for one in fields if _get(one, "input", "settings", "lines")]
    ready = [one for one in fields if one not in made]
    told = []
    if made:
        for symbol in _elements(made):
            windows = [_get(one, "input", "settings", "lines", symbol) for one in made]
            told.append(_tell_windows(symbol, [one for one in windows if one]))
    if ready:
        whose = "" if not made else f" of {tell_where([one.field.name for one in ready])}"
        told.append(f"Element maps{whose} were taken as the files hold them.")
    return told


def _elements(fields: Sequence[FieldEntry]) -> list[str]:
    names = ("host_element", "dopant_element")
    return list(dict.fromkeys(one.summary[name] for name in names for one in fields))


def _tell_windows(symbol: str, windows: Sequence[dict[str, Any]]) -> str:
    lines = tell_list(list(dict.fromkeys(one["line"] for one in windows)))
    ends = [tell_range([one["window_keV"][k] for one in windows], digits=4) for k in (0, 1)]
    sides = [one for one in windows if one.get("below_keV") or one.get("above_keV")]
    text = f"Net counts of {symbol} are those of {lines} from {ends[0]} to {ends[1]} keV"
    if not sides:
        return f"{text}, with no background subtracted."
    both = all(one.get("below_keV") and one.get("above_keV") for one in sides)
    where = "windows on both sides" if both else "windows beside it"
    return f"{text}, less a background interpolated linearly from {where}."


def _tell_outlines(fields: Sequence[FieldEntry], cited: Bibliography) -> list[str]:
    told = []
    for about, some in group(fields, _name_method).items():
        whose = f" of {tell_where([one.field.name for one in some])}"
        told.append(_tell_method(about, some, whose if len(some) < len(fields) else "", cited))
    edited = [one for one in fields if one.provenance.get("n_edits")]
    if edited:
        n = sum(one.provenance["n_edits"] for one in edited)
        told.append(
            f"Outlines of {tell_where([one.field.name for one in edited])} were corrected by hand "
            f"({tell_count(n, 'edit')})."
        )
    n_by_hand = sum(len(one.provenance.get("exclusions", {})) for one in fields)
    if n_by_hand:
        told.append(f"A person left out {tell_count(n_by_hand, 'particle')}.")
    return told


def _name_method(entry: FieldEntry) -> tuple[str, str, str]:
    about = entry.provenance["labels"]
    if about["origin"] == "given":
        return ("given", "", "")
    return (about["method"], str(about.get("model", "")), about["image"])


def _tell_method(
    method: tuple[str, str, str], fields: Sequence[FieldEntry], whose: str, cited: Bibliography
) -> str:
    name, model, image = method
    if name == "given":
        return f"Outlines{whose} were given by a person."
    sizes = tell_range([_get(one, "labels", "diameter_nm") for one in fields], "nm")
    estimated = all(_get(one, "labels", "diameter_is_estimated") for one in fields)
    how = "estimated from the picture" if estimated else "given"
    if name == "watershed":
        what = f"by Otsu's threshold {cited.cite('otsu')} and a watershed"
    elif model == "nanocrystal":
        what = (
            f"by the network 'nanocrystal' of napari-nanodope, with the flows and dynamics of "
            f"Cellpose {cited.cite('cellpose')},"
        )
    else:
        what = f"with Cellpose {cited.cite('cellpose', 'cellpose-sam')} (model {model})"
    return (
        f"Nanocrystals{whose} were outlined in the {image} {what} for an expected diameter of "
        f"{sizes} ({how})."
    )


def _tell_selection(fields: Sequence[FieldEntry]) -> str:
    n_all = sum(one.summary["n_particles"] for one in fields)
    n_in = sum(one.summary["n_included"] for one in fields)
    rules = _by_sample(fields, lambda one: _tell_rules(_get(one, "recipe", "particles")))
    volume = _by_sample(
        fields,
        lambda one: _VOLUMES[_get(one, "recipe", "particles", "volume")].format(
            host=one.summary["host_element"]
        ),
    )
    return (
        f"{rules[:1].upper()}{rules[1:]}; {n_in} of {n_all} particles were included. The volume of "
        f"a particle is {volume}."
    )


def _tell_rules(chosen: dict[str, Any]) -> str:
    rules = ["touch the border of the picture"] if chosen["exclude_border"] else []
    if chosen["min_diameter_nm"]:
        diameter = tell_number(chosen["min_diameter_nm"])
        rules.append(f"have an equivalent diameter below {diameter} nm")
    if chosen["max_diameter_nm"] is not None:
        what = "one" if chosen["min_diameter_nm"] else "an equivalent diameter"
        rules.append(f"have {what} above {tell_number(chosen['max_diameter_nm'])} nm")
    if chosen["min_solidity"] > 0:
        rules.append(f"have a solidity below {tell_number(chosen['min_solidity'])}")
    if chosen["max_contact_fraction"] < 1:
        share = tell_number(100 * chosen["max_contact_fraction"])
        rules.append(f"share more than {share} % of their outline with others")
    return f"particles that {tell_list(rules, 'or')} were left out" if rules else _NONE_OUT


def _tell_counting(fields: Sequence[FieldEntry], cited: Bibliography) -> str:
    dopants = tell_list(list(dict.fromkeys(one.summary["dopant_element"] for one in fields)), "or")
    thresholds = _by_sample(fields, _tell_threshold)
    rates = tell_range([one.summary["false_positives_per_pixel"] for one in fields], digits=2)
    sites = _by_sample(fields, _tell_sites)
    lattice = f" Concentrations in at.% refer to {sites}." if sites else ""
    return (
        f"A pixel of a particle with net counts of {dopants} above {thresholds} was counted as one "
        f"dopant atom {cited.cite('nanodope')}. From the number in a particle that of the false "
        f"positives expected for its area was subtracted; their rate, from the pixels of the same "
        f"field that are clear of all particles, was {rates} per pixel. Concentrations in mM are "
        f"millimoles of dopant per litre of crystal.{lattice}"
    )


def _tell_threshold(entry: FieldEntry) -> str:
    value = tell_number(entry.summary["threshold"], 3)
    if _get(entry, "recipe", "count", "threshold") != "auto":
        return value
    return f"{value}, at which the standard error of the total is least,"


def _tell_sites(entry: FieldEntry) -> str:
    chosen = _get(entry, "recipe", "field")
    host = entry.summary["host_element"]
    if chosen.get("sites_per_nm3"):
        return f"{tell_number(chosen['sites_per_nm3'])} {host} sites per nm³"
    lattice = MATERIALS.get(chosen.get("material", ""))
    if lattice is None:
        return ""
    return f"the {host} sites of {lattice.name}, {lattice.sites_per_nm3(host):.3g} per nm³"


def _tell_intervals(cited: Bibliography) -> str:
    return (
        f"Intervals are of 95 %. That of a number of dopants is exact for Poisson numbers at its "
        f"lower end {cited.cite('garwood')} and of the CLs construction at its upper one "
        f"{cited.cite('read')}, with the uncertainty of the false positives. All fields of a "
        f"sample are taken together; intervals of means over them are as wide as the scatter among "
        f"particles, and among fields, makes them (analysis of variance, Student's t); that of the "
        f"undoped fraction is Wilson's {cited.cite('wilson')}. The error of volumes is in none."
    )


def _tell_depth(fields: Sequence[FieldEntry], cited: Bibliography) -> str:
    def tell(one: FieldEntry) -> str:
        if _get(one, "recipe", "profile", "distance") == "euclidean":
            return (
                f"is the Euclidean distance of its centre from the outside of its particle, less "
                f"half a pixel {cited.cite('distance', 'edt')}"
            )
        return f"is the distance after an erosion by a pixel, rounded up {cited.cite('nanodope')}"

    return f"The depth of a pixel {_by_sample(fields, tell)}; bins are one pixel wide."


def _tell_location(fields: Sequence[FieldEntry]) -> str:
    def tell(one: FieldEntry) -> str:
        shell = _get(one, "recipe", "profile", "shell_nm")
        return "one pixel" if shell == "auto" else f"{tell_number(shell)} nm"

    return (
        f"Whether dopants fill the core or sit at the surface was decided by the likelihood of the "
        f"dopant pixels, by size class and depth, if dopants are spread over the whole volume or "
        f"over a shell {_by_sample(fields, tell)} thick, projected and with false positives: "
        f"either is called where it is 20 times likelier than the other. The surface fraction is "
        f"that of the likeliest mixture of both, with its profile-likelihood interval."
    )
