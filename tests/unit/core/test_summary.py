"""The summary of a field: its numbers by hand, its words, and what must not change it."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats

import napari_nanodope as nd

Image = NDArray[np.float64]

# Names of numbers with a unit of nm to the power given; all other numbers have none.
LENGTHS = {"diameter_nm_mean": 1, "diameter_nm_sd": 1, "volume_nm3": 3}
CONCENTRATIONS = ("dopant_mM", "dopant_atomic_percent")


def field_of(host: Image, dopant: Image, pixel_size_nm: float | tuple[float, float] = 0.7):
    return nd.FieldOfView(host, {"Cd": host, "Mn": dopant}, pixel_size_nm)


def squares(
    n_rows: int = 5, n_columns: int = 6, side: int = 8, pitch: int = 16
) -> NDArray[np.int32]:
    """Squares apart from each other and from the border."""
    labels = np.zeros((n_rows * pitch, n_columns * pitch), np.int32)
    for label in range(n_rows * n_columns):
        y, x = (pitch * k + 4 for k in divmod(label, n_columns))
        labels[y : y + side, x : x + side] = label + 1
    return labels


def recipe_of(**stages: dict[str, Any]) -> nd.Recipe:
    return nd.Recipe().replace(**({"particles": {"min_diameter_nm": 0}} | stages))


@pytest.fixture(scope="module")
def phantom() -> tuple[nd.FieldOfView, NDArray[np.int32]]:
    params = nd.PhantomParams(
        shape_px=(130, 150), doping=1 / 300, shot_noise=True, background_counts=0.02
    )
    field, truth = nd.simulate_field(params, seed=12)
    return field, truth.labels


@pytest.fixture(scope="module")
def simple() -> nd.FieldResult:
    """30 squares of 8 x 8 pixels of 1 nm: 24 with two dopants, 6 with none, no background."""
    labels = squares()
    dopant = np.zeros(labels.shape)
    for label in range(1, 25):
        y, x = np.argwhere(labels == label)[0]
        dopant[y, x] = 1
        dopant[y + 3, x + 4] = 2
    recipe = recipe_of(count={"counts_per_dopant": 1.5}, expect={"icp_ms_mM": 40.0})
    return nd.analyze(field_of(10.0 * (labels > 0), dopant, 1.0), recipe, labels=labels)


def test_the_numbers_of_a_simple_field_by_hand(simple):
    s = simple.summary
    assert (s["host_element"], s["dopant_element"]) == ("Cd", "Mn")
    assert (s["n_particles"], s["n_included"], s["excluded"]) == (30, 30, {})
    diameter = 2 * np.sqrt(64 / np.pi)
    volume = 30 * np.pi / 6 * diameter**3
    assert s["diameter_nm_mean"] == pytest.approx(diameter)
    assert s["diameter_nm_sd"] == pytest.approx(0, abs=1e-9)
    assert s["volume_nm3"] == pytest.approx(volume)
    assert s["host_counts"] == 10 * 64 * 30
    assert (s["dopant_pixels"], s["dopant_counts"], s["dopants_total"]) == (48, 72, 48)
    assert s["dopants_total_from_counts"] == pytest.approx(48)
    assert (s["threshold"], s["false_positives_per_pixel"]) == (0.5, 0)
    assert s["dopant_mM"] == pytest.approx(48 / volume / 0.602214076e-3)
    assert s["dopant_atomic_percent"] == pytest.approx(100 * 48 / volume / 20.31, rel=2e-3)
    assert s["found_over_icp_ms"] == pytest.approx(s["dopant_mM"] / 40)
    assert s["dopants_compatible_with_zero"] == 6


def test_the_mean_per_particle_has_students_interval(simple):
    values = [2] * 24 + [0] * 6
    interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    s = simple.summary
    assert s["dopants_per_particle_mean"] == pytest.approx(1.6)
    assert s["dopants_per_particle_mean_low"] == pytest.approx(interval.low)
    assert s["dopants_per_particle_mean_high"] == pytest.approx(interval.high)


def test_the_undoped_fraction_is_that_of_particles_without_a_dopant(simple):
    s = simple.summary
    assert s["undoped_fraction"] == pytest.approx(0.2)
    expected = stats.binomtest(6, 30).proportion_ci(method="wilson")
    # Wider by what the background, no event in thousands of pixels, may still hide.
    assert expected.low - 0.01 <= s["undoped_fraction_low"] <= expected.low + 1e-6
    assert expected.high - 1e-6 <= s["undoped_fraction_high"] <= expected.high + 0.01


def test_the_share_of_hidden_dopants_is_that_of_independent_ones():
    # 20 % of the pixels of every depth hold a dopant: -ln(0.8) = 0.2231 dopants per pixel.
    labels = np.zeros((70, 70), np.int32)
    labels[5:65, 5:65] = 1
    dopant = np.zeros(labels.shape)
    depth = nd.analyze(field_of(dopant, dopant, 1.0), recipe_of(), labels=labels).radial
    y, x = np.mgrid[:70, :70]
    ring = np.minimum(np.minimum(y - 5, 64 - y), np.minimum(x - 5, 64 - x))
    for k in depth["depth_px"]:
        at = np.argwhere(ring == k)
        for row, column in at[: len(at) // 5]:
            dopant[row, column] = 1
    summary = nd.analyze(
        field_of(1.0 * (labels > 0), dopant, 1.0), recipe_of(), labels=labels
    ).summary
    hidden = 1 - 0.2 / -np.log(0.8)
    assert summary["dopants_sharing_a_pixel"] == pytest.approx(hidden, abs=0.005)
    assert any("share a pixel" in text for text in summary["warnings"])


def test_excluded_particles_are_counted_by_reason_and_leave_the_numbers():
    labels = squares()
    labels[0, 0] = 77  # touches the border
    labels[30, 30] = 78  # too small
    host = 10.0 * (labels > 0)
    summary = nd.analyze(
        field_of(host, host / 10), recipe_of(particles={"min_diameter_nm": 2}), labels=labels
    ).summary
    assert (summary["n_particles"], summary["n_included"]) == (32, 30)
    assert summary["excluded"] == {"touches the border": 1, "smaller than min_diameter_nm": 1}
    assert summary["dopant_pixels"] == 30 * 64
    assert summary["statements"][0].startswith("30 of 32 particles are included (left out: ")


def test_excluded_particles_have_no_say_in_the_location(phantom):
    field, labels = phantom
    outermost = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1], [30, 31]])
    kept = np.where(np.isin(labels, outermost), 0, labels)
    extended = kept.copy()
    extended[0, 0] = extended[-1, -1] = labels.max() + 1  # one particle, at two corners
    extended[0, :40] = labels.max() + 1
    recipe = recipe_of(count={"threshold": 0.99})
    with_border, without = (nd.analyze(field, recipe, labels=each) for each in (extended, kept))
    counts = ["size_class", "depth_px", "n_pixels", "dopant_pixels"]
    pd.testing.assert_frame_equal(with_border.profiles[counts], without.profiles[counts])
    assert with_border.summary["n_particles"] == without.summary["n_particles"] + 1


def test_expected_false_positives_are_taken_from_the_total():
    # Every fifth pixel outside is an event, and two in each of 30 particles of 64 pixels.
    labels = squares()
    dopant = np.zeros(labels.shape)
    dopant[::5] = labels[::5] == 0
    for label in range(1, 31):
        y, x = np.argwhere(labels == label)[0]
        dopant[y, x : x + 2] = 1
    s = nd.analyze(field_of(9.0 * (labels > 0), dopant), recipe_of(), labels=labels).summary
    rate = s["false_positives_per_pixel"]
    assert rate == pytest.approx(0.2, abs=0.02)
    assert s["false_positives_per_pixel_low"] < rate < s["false_positives_per_pixel_high"]
    assert s["dopants_total"] == pytest.approx(60 - rate * 30 * 64)
    assert s["dopants_per_particle_mean"] == pytest.approx(2 - rate * 64)
    assert s["dopants_total_low"] == 0
    assert s["dopants_total_high"] > 0


@pytest.mark.parametrize("case", ["empty", "all excluded", "one", "phantom", "nothing counted"])
def test_every_summary_is_json_without_nan(case, phantom):
    field, labels = phantom
    if case == "empty":
        labels = np.zeros_like(labels)
    elif case == "one":
        labels = np.where(labels == 5, 5, 0)
    elif case == "nothing counted":
        field = field_of(field.map_of("Cd"), np.zeros(field.shape))
    recipe = recipe_of(
        particles={"min_diameter_nm": 500 if case == "all excluded" else 0},
        expect={"icp_ms_mM": 19.0},
    )
    result = nd.analyze(field, recipe, labels=labels)
    text = json.dumps(dict(result.summary), allow_nan=False)
    assert json.loads(text) == result.summary
    for words in (*result.summary["statements"], *result.summary["warnings"]):
        assert not words[0].islower()
        assert words.endswith(".")
        assert "nan" not in words.split()
        assert "None" not in words


def test_without_particles_numbers_are_unknown_and_a_warning_says_what_to_do(phantom):
    field, labels = phantom
    s = nd.analyze(field, labels=np.zeros_like(labels)).summary
    assert (s["n_particles"], s["n_included"], s["location"]) == (0, 0, "undetermined")
    for name in ("dopant_mM", "undoped_fraction", "diameter_nm_mean", "surface_fraction"):
        assert s[name] is None
    assert s["warnings"][0].startswith("No particles were found; check")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"particles": {"min_diameter_nm": 500.0}}, "Every particle was left out; loosen"),
        ({}, "Only 1 particles are included; add fields"),
    ],
)
def test_few_particles_are_warned_of(phantom, change, words):
    field, labels = phantom
    one = np.where(labels == 5, 5, 0)
    warnings = nd.analyze(field, recipe_of(**change), labels=one).summary["warnings"]
    assert any(text.startswith(words) for text in warnings)


def test_a_field_full_of_particles_is_warned_of_for_want_of_background():
    labels = np.ones((30, 60), np.int32)
    labels[:, 30:] = 2
    host = 5.0 * labels
    warnings = nd.analyze(field_of(host, 0 * host), recipe_of(), labels=labels).summary["warnings"]
    assert any(text.startswith("Only 0 pixels lie clear of particles") for text in warnings)


def test_fewer_counts_than_the_background_expects_still_give_a_summary():
    labels = squares(8, 8)
    outside = 1.0 * (labels == 0)
    result = nd.analyze(field_of(5.0 * (labels > 0), outside), recipe_of(), labels=labels)
    s = result.summary
    assert s["dopants_total"] == -64 * 64
    assert 0 <= s["dopants_total_low"] <= s["dopants_total_high"] < 100
    assert np.isfinite(result.particles["dopants_high"]).all()


@pytest.mark.parametrize("location", ["core", "surface", "mixed"])
def test_statements_say_where_the_dopant_sits_and_how_much_there_is(location):
    field, truth = nd.simulate_field(
        nd.PhantomParams(location=location, shape_px=(200, 200), doping=1 / 400), seed=1
    )
    summary = nd.analyze(field, labels=truth.labels).summary
    says = {"core": "Mn fills the core", "surface": "Mn sits at the surface", "mixed": "Mn both"}
    assert sum(text.startswith(says[location]) for text in summary["statements"]) == 1
    concentration = f"The concentration is {summary['dopant_mM']:.4g} (95 % interval "
    assert sum(text.startswith(concentration) for text in summary["statements"]) == 1


def test_the_statement_on_icp_ms_follows_the_concentration_that_it_speaks_of(simple):
    statements = simple.summary["statements"]
    (place,) = [i for i, text in enumerate(statements) if text.startswith("That is")]
    assert "of the 40 mM by ICP-MS" in statements[place]
    assert statements[place - 1].startswith("The concentration is")


def assert_equal_numbers(
    found: dict[str, Any], expected: dict[str, Any], *, factor: float = 1.0
) -> None:
    """Equal summaries, with lengths `factor` times as long and concentrations to match."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if name in ("statements", "warnings"):
            continue
        power = LENGTHS.get(name, -3 if name.startswith(CONCENTRATIONS) else 0)
        if isinstance(value, float):
            # The surface fraction is found on a grid of 0.005.
            slack = 1e-4 if name.startswith("surface") else 1e-9
            assert found[name] == pytest.approx(value * factor**power, rel=1e-5, abs=slack), name
        else:
            assert found[name] == value, name


MOVES: dict[str, Callable[[Image], Image]] = {
    "quarter turn": np.rot90,
    "half turn": lambda image: image[::-1, ::-1],
    "mirror": np.fliplr,
    "flip": np.flipud,
    "transpose": np.transpose,
}


def moved(
    field: nd.FieldOfView, move: Callable[[Image], Image], pixel_size_nm: tuple[float, float]
) -> nd.FieldOfView:
    return field_of(move(field.map_of("Cd")), move(field.map_of("Mn")), pixel_size_nm)


@pytest.mark.parametrize("distance", ["euclidean", "erode-ceil"])
@pytest.mark.parametrize("name", MOVES)
def test_turning_and_mirroring_the_picture_change_no_number(phantom, name, distance):
    field, labels = phantom
    recipe = recipe_of(profile={"distance": distance})
    move = MOVES[name]
    for size in ((0.7, 0.7), (0.5, 0.8)):
        straight = nd.analyze(moved(field, np.asarray, size), recipe, labels=labels)
        swapped = size[::-1] if name in ("quarter turn", "transpose") else size
        turned = nd.analyze(moved(field, move, swapped), recipe, labels=move(labels))
        assert_equal_numbers(turned.summary, straight.summary)
        curves = ["label", "depth_px", "n_pixels", "dopant_pixels"]
        pd.testing.assert_frame_equal(turned.radial[curves], straight.radial[curves])


@pytest.mark.parametrize("distance", ["euclidean", "erode-ceil"])
def test_a_shift_within_the_background_changes_no_number(phantom, distance):
    field, labels = phantom
    recipe = recipe_of(profile={"distance": distance}, particles={"exclude_border": False})
    wide = [np.pad(a, 20) for a in (labels, field.map_of("Cd"), field.map_of("Mn"))]
    shifted = [np.roll(a, (-13, 17), axis=(0, 1)) for a in wide]
    before, after = (
        nd.analyze(field_of(host, dopant), recipe, labels=outlines)
        for outlines, host, dopant in (wide, shifted)
    )
    assert_equal_numbers(after.summary, before.summary)
    centroid = ["centroid_y_nm", "centroid_x_nm"]
    shift = after.particles[centroid] - before.particles[centroid]
    np.testing.assert_allclose(shift, np.tile([-13 * 0.7, 17 * 0.7], (len(shift), 1)), atol=1e-9)


def test_other_names_for_the_labels_change_no_number(phantom):
    field, labels = phantom
    names = np.random.default_rng(3).permutation(np.arange(1, labels.max() + 1)) * 7
    renamed = np.append(0, names)[labels]
    before, after = (nd.analyze(field, recipe_of(), labels=each) for each in (labels, renamed))
    assert_equal_numbers(after.summary, before.summary)
    values = [c for c in before.particles.select_dtypes("number") if c != "label"]
    ours = before.particles.assign(label=names[before.particles["label"] - 1]).sort_values("label")
    pd.testing.assert_frame_equal(
        after.particles[values], ours[values].reset_index(drop=True), rtol=1e-12
    )


@pytest.mark.parametrize("distance", ["euclidean", "erode-ceil"])
def test_lengths_times_ten_change_depths_and_no_count(phantom, distance):
    field, labels = phantom
    small, large = (
        nd.analyze(
            moved(field, np.asarray, (size, size)),
            recipe_of(profile={"distance": distance}),
            labels=labels,
        )
        for size in (0.7, 7.0)
    )
    assert_equal_numbers(large.summary, small.summary, factor=10)
    counts = ["label", "depth_px", "n_pixels", "host_counts", "dopant_pixels", "dopant_counts"]
    pd.testing.assert_frame_equal(large.radial[counts], small.radial[counts])
    np.testing.assert_allclose(large.radial["depth_nm"], 10 * small.radial["depth_nm"])
    np.testing.assert_allclose(
        large.particles["inradius_nm"], 10 * small.particles["inradius_nm"], rtol=1e-5
    )


def test_a_higher_threshold_never_counts_more(phantom):
    field, labels = phantom
    totals = [
        nd.analyze(field, recipe_of(count={"threshold": t}), labels=labels).summary
        for t in (0.0, 0.5, 0.98, 1.5, 3.0, 1e6)
    ]
    for name in ("dopant_pixels", "dopant_counts", "false_positives_per_pixel"):
        values = [s[name] for s in totals]
        assert values == sorted(values, reverse=True)
        assert values[-1] == 0
    assert len({s["host_counts"] for s in totals}) == 1
