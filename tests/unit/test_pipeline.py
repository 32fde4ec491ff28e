"""The whole of an analysis: its tables, its summary, and how it meets odd input."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

import napari_nanodope as nd
from napari_nanodope.core.measuring import measure_shapes
from napari_nanodope.pipeline import AnalysisCancelledError, find_left_out, hash_arrays
from napari_nanodope.segmentation import Outlines, outline

IDENTITY = ["sample_id", "field_id", "host_element", "dopant_element"]
PARTICLES = (
    "label, centroid_y_nm, centroid_x_nm, area_nm2, equivalent_diameter_nm, inradius_nm, "
    "eccentricity, solidity, contact_fraction, touches_border, included, exclusion_reason, "
    "host_counts, dopant_pixels, dopant_counts, dopants, dopants_low, dopants_high, volume_nm3, "
    "dopant_mM, probability, flow_error"
).split(", ")
RADIAL = (
    "label, depth_px, depth_nm, n_pixels, host_counts, dopant_pixels, dopant_counts, mean_depth_nm"
).split(", ")
SUMMARY = (
    "n_particles, n_included, host_counts, dopants_total, dopants_per_particle_mean, dopant_mM, "
    "location, location_log_likelihood_ratio, surface_fraction, undoped_fraction, statements, "
    "warnings"
).split(", ")


@pytest.fixture(scope="module")
def phantom() -> tuple[nd.FieldOfView, nd.PhantomTruth]:
    return nd.simulate_field(nd.PhantomParams(shape_px=(130, 120)), seed=6)


def test_tables_have_the_promised_columns(phantom) -> None:
    field, truth = phantom
    result = nd.analyze(field, labels=truth.labels)
    assert list(result.particles.columns) == PARTICLES + IDENTITY
    assert list(result.radial.columns) == RADIAL + IDENTITY
    assert set(SUMMARY) <= set(result.summary)
    assert set(result.particles["dopant_element"]) == {"Mn"}


def test_the_summary_is_json(phantom) -> None:
    field, truth = phantom
    for labels in (truth.labels, np.zeros_like(truth.labels), truth.labels == 1):
        summary = nd.analyze(field, labels=labels).summary
        assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_dopants_are_found_one_by_one_without_noise(phantom) -> None:
    field, truth = phantom
    found = nd.analyze(field, labels=truth.labels).particles.set_index("label")
    lit = field.map_of("Mn") > 0.5
    expected = np.bincount(truth.labels[lit], minlength=truth.labels.max() + 1)[1:]
    np.testing.assert_array_equal(found["dopant_pixels"], expected)
    atoms = truth.particles.set_index("label")["dopants"]
    np.testing.assert_array_equal(found["dopant_counts"], atoms)


def test_progress_rises_to_one(phantom) -> None:
    steps: list[float] = []
    nd.analyze(phantom[0], labels=phantom[1].labels, progress=lambda done, _: steps.append(done))
    assert steps == sorted(steps)
    assert (steps[0], steps[-1]) == (0.0, 1.0)


def test_cancelling_stops_between_steps(phantom) -> None:
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 2

    with pytest.raises(AnalysisCancelledError):
        nd.analyze(phantom[0], labels=phantom[1].labels, cancelled=cancelled)
    assert len(asked) == 3


def test_segmentation_is_that_of_the_recipe(phantom) -> None:
    field, _ = phantom
    result = nd.analyze(field)
    np.testing.assert_array_equal(result.labels, nd.segment(field))
    assert result.provenance["labels"]["origin"] == "segmented"


def test_labels_with_gaps_keep_their_numbers(phantom) -> None:
    field, truth = phantom
    plain = nd.analyze(field, labels=truth.labels)
    sparse = nd.analyze(field, labels=np.where(truth.labels > 0, truth.labels * 1000, 0))
    np.testing.assert_array_equal(sparse.particles["label"], plain.particles["label"] * 1000)
    same = [name for name in PARTICLES if name != "label"]
    assert sparse.particles[same].equals(plain.particles[same])
    assert sparse.summary == plain.summary


def test_the_field_is_left_as_it_was(phantom) -> None:
    field, truth = phantom
    before = hash_arrays(field.survey, *field.maps.values(), truth.labels)
    nd.analyze(field, labels=truth.labels)
    assert hash_arrays(field.survey, *field.maps.values(), truth.labels) == before


def test_unknown_elements_and_other_labels_are_refused(phantom) -> None:
    field, truth = phantom
    recipe = nd.Recipe().replace(field={"host": "Zn", "material": ""})
    with pytest.raises(nd.InputError, match="'Zn'"):
        nd.analyze(field, recipe, labels=truth.labels)
    with pytest.raises(nd.InputError, match="130 x 120"):
        nd.analyze(field, labels=truth.labels[:50])
    with pytest.raises(nd.InputError, match="one label on every pixel"):
        nd.analyze(field, labels=np.ones_like(truth.labels))


def test_a_picture_without_particles_says_so(phantom) -> None:
    field, truth = phantom
    result = nd.analyze(field, labels=np.zeros_like(truth.labels))
    assert result.summary["n_particles"] == 0
    assert result.summary["location"] == "undetermined"
    assert result.summary["dopant_mM"] is None
    assert any("No particles" in warning for warning in result.summary["warnings"])


def test_particles_at_the_border_are_left_out_unless_wanted(phantom) -> None:
    field, truth = phantom
    edge = np.zeros_like(truth.labels)
    edge[:8, :8] = 1
    kept = nd.Recipe().replace(particles={"exclude_border": False})
    assert nd.analyze(field, labels=edge).summary["n_included"] == 0
    assert nd.analyze(field, kept, labels=edge).summary["n_included"] == 1


@pytest.mark.parametrize(
    ("setting", "column", "is_left_out", "reason"),
    [
        ({"max_diameter_nm": 9.0}, "equivalent_diameter_nm", np.greater, "larger than"),
        ({"min_diameter_nm": 9.0}, "equivalent_diameter_nm", np.less, "smaller than"),
        ({"min_solidity": 0.9}, "solidity", np.less, "below"),
        ({"max_contact_fraction": 0.2}, "contact_fraction", np.greater, "above"),
    ],
)
def test_filters_leave_particles_out_and_say_why(phantom, setting, column, is_left_out, reason):
    field, truth = phantom
    labels = truth.labels.copy()
    labels[labels == 2] = 1  # in two pieces, far from solid
    labels[:, :200] = ndimage.grey_dilation(labels[:, :200], 3)  # until some touch
    recipe = nd.Recipe().replace(
        particles={"exclude_border": False, "min_diameter_nm": 0} | setting
    )
    table = nd.analyze(field, recipe, labels=labels, exclusions={5: "blurred"}).particles
    (name, limit), by_hand = next(iter(setting.items())), table["label"] == 5
    expected = is_left_out(table[column], limit)
    assert 0 < expected.sum() < len(table)
    np.testing.assert_array_equal(table["included"], ~(expected | by_hand))
    left_out = table[~table["included"]].set_index("label")["exclusion_reason"]
    assert set(left_out) == {f"{reason} {name}", "blurred"}
    told = find_left_out(measure_shapes(labels, field.pixel_size_nm), recipe, {5: "blurred"})
    assert told == left_out.to_dict()


def test_threshold_auto_splits_noise_from_dopants() -> None:
    params = nd.PhantomParams(
        shape_px=(200, 200), dopant_counts_per_atom=20, background_counts=1, shot_noise=True
    )
    field, truth = nd.simulate_field(params, seed=1)
    result = nd.analyze(
        field, nd.Recipe().replace(count={"threshold": "auto"}), labels=truth.labels
    )
    assert 2 < result.summary["threshold"] < 15
    low, high = result.summary["dopants_total_low"], result.summary["dopants_total_high"]
    assert low <= len(truth.dopants) * (1 - result.summary["dopants_sharing_a_pixel"]) <= high


@pytest.mark.parametrize(("volume", "off"), [("area", 0.1), ("inradius", 0.3), ("host", 0.1)])
def test_every_volume_of_spheres_is_near_the_truth(phantom, volume: str, off: float) -> None:
    field, truth = phantom
    recipe = nd.Recipe().replace(particles={"volume": volume, "min_diameter_nm": 0})
    found = nd.analyze(field, recipe, labels=truth.labels).particles["volume_nm3"].sum()
    assert found == pytest.approx(truth.particles["volume_nm3"].sum(), rel=off)


def test_provenance_names_every_input(phantom) -> None:
    field, truth = phantom
    first = nd.analyze(field, labels=truth.labels).provenance
    assert first["input"]["sha256"] == field.source.sha256
    assert first["recipe_sha256"] == nd.Recipe().sha256
    other = truth.labels.copy()
    other[other == 1] = 0
    second = nd.analyze(field, labels=other).provenance
    assert first["labels"]["sha256"] != second["labels"]["sha256"]
    bare = nd.FieldOfView(field.survey, field.maps, 0.7)
    assert nd.analyze(bare, labels=truth.labels).provenance["input"]["sha256"] == hash_arrays(
        field.survey, *field.maps.values()
    )


def test_undoped_particles_are_counted_right_among_sizes_under_false_positives() -> None:
    found, true = [], []
    for seed in range(4):
        field, truth = nd.simulate_field(nd.PhantomParams(doping=1.5e-4), seed=seed)
        noise = np.random.default_rng(seed).random(field.shape) < 0.01
        counts = np.maximum(field.map_of("Mn"), noise)
        noisy = nd.FieldOfView(field.survey, {"Cd": field.map_of("Cd"), "Mn": counts}, 0.7)
        recipe = nd.Recipe().replace(particles={"min_diameter_nm": 0})
        summary = nd.analyze(noisy, recipe, labels=truth.labels).summary
        found.append(summary["undoped_fraction"])
        true.append((truth.particles["dopants"] == 0).mean())
        assert summary["undoped_fraction_low"] < true[-1] < summary["undoped_fraction_high"]
    assert np.mean(found) == pytest.approx(np.mean(true), abs=0.04)


def test_summed_counts_leave_out_those_of_the_background() -> None:
    params = nd.PhantomParams(shot_noise=True, background_counts=0.1)
    field, truth = nd.simulate_field(params, seed=2)
    raw = field.map_of("Mn") + np.float32(0.1)
    counted = nd.FieldOfView(field.survey, {"Cd": field.map_of("Cd"), "Mn": raw}, 0.7)
    recipe = nd.Recipe().replace(count={"counts_per_dopant": 1.0})
    summary = nd.analyze(counted, recipe, labels=truth.labels).summary
    kept = nd.analyze(counted, recipe, labels=truth.labels).included["label"]
    true = truth.particles.loc[truth.particles["label"].isin(kept), "dopants"].sum()
    assert summary["dopants_total_from_counts"] == pytest.approx(true, rel=0.05)
    assert summary["dopants_total_from_counts_low"] < summary["dopants_total_from_counts"]


def test_noise_alone_is_given_no_place(phantom) -> None:
    field, truth = phantom
    for seed in range(20):
        noise = np.random.default_rng(seed).random(field.shape) < 0.02
        empty = nd.FieldOfView(field.survey, {"Cd": field.map_of("Cd"), "Mn": noise}, 0.7)
        summary = nd.analyze(empty, labels=truth.labels).summary
        assert summary["location"] == "undetermined" or summary["dopants_total_low"] > 0


def test_nothing_found_still_has_an_interval(phantom) -> None:
    recipe = nd.Recipe().replace(count={"threshold": 1e6})
    summary = nd.analyze(phantom[0], recipe, labels=phantom[1].labels).summary
    n = summary["n_included"]
    assert summary["dopants_per_particle_mean"] == 0
    assert summary["dopants_per_particle_mean_high"] == pytest.approx(
        summary["dopants_total_high"] / n
    )
    assert summary["dopants_total_high"] > 3.6


def test_a_result_keeps_its_labels_when_the_picture_is_painted_on(phantom) -> None:
    field, truth = phantom
    painted = truth.labels.copy()
    result = nd.analyze(field, labels=painted)
    painted[:] = 7
    np.testing.assert_array_equal(result.labels, truth.labels)
    assert result.provenance["labels"]["sha256"] == hash_arrays(result.labels)
    with pytest.raises(ValueError, match="read-only"):
        result.labels[0, 0] = 1


def test_one_particle_is_enough_for_numbers(phantom) -> None:
    field, truth = phantom
    largest = np.bincount(truth.labels.ravel())[1:].argmax() + 1
    result = nd.analyze(field, labels=truth.labels == largest)
    assert len(result.particles) == result.summary["n_particles"] == 1
    alone = result.particles.iloc[0]
    among = nd.analyze(field, labels=truth.labels).particles.set_index("label").loc[largest]
    for name in ("area_nm2", "host_counts", "dopant_pixels", "volume_nm3", "inradius_nm"):
        assert alone[name] == among[name]
    assert result.summary["dopants_per_particle_mean"] == result.summary["dopants_total"]


def test_particles_that_all_touch_the_border_leave_nothing_to_tell(phantom) -> None:
    field, truth = phantom
    halves = np.ones_like(truth.labels)
    halves[60:] = 2
    summary = nd.analyze(field, labels=halves).summary
    assert (summary["n_particles"], summary["n_included"]) == (2, 0)
    assert summary["location"] == "undetermined"
    assert summary["dopant_mM"] is None
    assert any("left out" in warning for warning in summary["warnings"])


def test_a_blank_picture_has_no_particles(phantom) -> None:
    blank = np.ones((50, 60))
    field = nd.FieldOfView(blank, {"Cd": blank, "Mn": 0 * blank}, 0.7)
    result = nd.analyze(field)
    assert len(result.particles) == len(result.radial) == 0
    assert list(result.particles.columns) == PARTICLES + IDENTITY
    assert list(result.radial.columns) == RADIAL + IDENTITY


def test_the_steps_are_named_and_cancelling_is_asked_at_every_one(phantom) -> None:
    field, truth = phantom
    names: list[str] = []
    nd.analyze(field, labels=truth.labels, progress=lambda _, name: names.append(name))
    assert all(names)
    for stop_at in range(1, len(names) + 1):
        answers = iter([False] * (stop_at - 1) + [True])
        with pytest.raises(AnalysisCancelledError):
            nd.analyze(field, labels=truth.labels, cancelled=lambda a=answers: next(a))


def test_particles_excluded_by_hand_stay_in_the_table_but_not_in_the_numbers(phantom) -> None:
    field, truth = phantom
    whole = nd.analyze(field, labels=truth.labels)
    label = int(whole.included["label"].iloc[2])
    exclusions = {label: "lies over another"}
    result = nd.analyze(field, labels=truth.labels, exclusions=exclusions)
    row = result.particles.set_index("label").loc[label]
    assert (row["included"], row["exclusion_reason"]) == (False, "lies over another")
    assert result.summary["n_included"] == whole.summary["n_included"] - 1
    others = result.particles["label"] != label
    for name in ("dopants", "included", "exclusion_reason"):
        np.testing.assert_array_equal(result.particles[name][others], whole.particles[name][others])
    assert result.provenance["exclusions"] == {str(label): "lies over another"}
    assert "exclusions" not in whole.provenance
    json.dumps(result.provenance)
    with pytest.raises(nd.InputError, match="Expected to exclude particles of the labels, got 999"):
        nd.analyze(field, labels=truth.labels, exclusions={99999: "gone"})


def test_outlines_bring_their_scores_by_label(phantom) -> None:
    field, truth = phantom
    ids = np.unique(truth.labels)[1:]
    scores = pd.DataFrame({"label": ids[::-1], "probability": ids[::-1] / 1e3, "flow_error": 0.0})
    result = nd.analyze(field, labels=Outlines(truth.labels, scores[:-1], 8.0, {"method": "mine"}))
    table = result.particles.set_index("label")
    np.testing.assert_allclose(table["probability"][ids[1:]], ids[1:] / 1e3)
    assert np.isnan(table["probability"][ids[0]])
    assert result.provenance["labels"]["method"] == "mine"


def test_outlines_of_the_recipe_give_what_the_recipe_gives(phantom) -> None:
    field, _ = phantom
    found = outline(field, nd.Recipe().segment)
    once, again = nd.analyze(field), nd.analyze(field, labels=found)
    pd.testing.assert_frame_equal(once.particles, again.particles, check_exact=True)
    assert once.provenance == again.provenance
