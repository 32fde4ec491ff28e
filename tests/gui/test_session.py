"""A session follows every kind of edit; without a window, so no display is needed."""

import gc
import shutil
import weakref
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Layer

import napari_nanodope as nd
from napari_nanodope._napari.keeping import choose_edits_folder
from napari_nanodope._napari.layers import field_to_layers
from napari_nanodope._napari.session import Session, session_of
from napari_nanodope.curation import LOG_FILE, Curation
from napari_nanodope.segmentation import outline


@pytest.fixture(scope="module")
def phantom():
    return nd.simulate_field(nd.PhantomParams(shape_px=(64, 80), shot_noise=True), seed=5)


@pytest.fixture
def session(phantom) -> Session:
    viewer = ViewerModel()
    session = session_of(viewer)
    session.kept_viewer = viewer  # for the test; a session does not keep its viewer alive
    session.show_field(phantom[0])
    session.set_labels(phantom[1].labels)
    session.set_result(measure(session))
    return session


def measure(session: Session) -> nd.FieldResult:
    labels = session.outlines or session.labels
    return nd.analyze(session.field, session.recipe, labels=labels, exclusions=session.excluded)


def test_every_viewer_has_one_session():
    one, other = ViewerModel(), ViewerModel()
    assert session_of(one) is session_of(one)
    assert session_of(one) is not session_of(other)


def test_sessions_end_with_their_viewer():
    viewer = ViewerModel()
    session, alive = session_of(viewer), weakref.ref(viewer)
    del viewer
    gc.collect()
    assert alive() is None
    with pytest.raises(nd.InputError, match="Expected an open viewer"):
        _ = session.viewer


def test_two_viewers_do_not_mix(session, phantom):
    other = ViewerModel()
    second = session_of(other)
    second.show_field(phantom[0])
    second.set_labels(phantom[1].labels)
    second.delete([1])
    assert not session.is_stale
    assert 1 in session.labels


def test_the_field_is_that_of_the_active_layer(phantom):
    other, _ = nd.simulate_field(nd.PhantomParams(shape_px=(30, 40)), seed=1)
    viewer = ViewerModel()
    session = session_of(viewer)
    with pytest.raises(nd.InputError, match="got none; open one"):
        session.find_field()
    for field, name in ((phantom[0], "a"), (other, "b")):
        session.show_field(
            nd.FieldOfView(field.survey, field.maps, field.pixel_size_nm, field_id=name)
        )
    viewer.layers.selection.active = viewer.layers[0]
    assert session.find_field().field_id == "a"
    viewer.layers.selection.active = viewer.layers[-1]
    assert session.find_field().field_id == "b"
    viewer.layers.selection.clear()
    viewer.layers.selection.active = None
    assert session.find_field().field_id == "b"  # the one worked on


def test_of_several_fields_one_has_to_be_chosen(phantom):
    viewer = ViewerModel()
    for field in (phantom[0], brighter(phantom[0])):
        for data in field_to_layers(field):
            viewer.add_layer(Layer.create(*data))
    viewer.layers.selection.active = None
    with pytest.raises(nd.InputError, match="got 2 fields; click on a layer of one"):
        session_of(viewer).find_field()


def test_the_same_field_is_not_taken_anew(session):
    field = session.field
    session.find_field()
    assert session.field is field
    assert not session.is_stale


EDITS = {
    "paint": lambda s: s.layer.paint((20, 20), 7),
    "fill": lambda s: s.layer.fill((0, 0), 9),
    "erase": lambda s: s.layer.paint(tuple(np.argwhere(s.layer.data)[0]), 0),
    "setitem": lambda s: s.layer.data_setitem((np.array([3]), np.array([4])), 11),
    "assignment": lambda s: setattr(s.layer, "data", np.roll(s.layer.data, 1, axis=0)),
    "removal": lambda s: s.viewer.layers.remove(s.layer),
    "recipe": lambda s: s.set_recipe(s.recipe.replace(count={"threshold": 2.5})),
    "merge": lambda s: s.merge([1, 2]),
    "delete": lambda s: s.delete([3]),
    "exclude": lambda s: s.exclude([3], "out of focus"),
    "split": lambda s: s.split_by_seeds(4, np.argwhere(s.labels == 4)[[0, -1]]),
}


@pytest.mark.parametrize("name", EDITS)
def test_every_edit_makes_the_result_stale(session, name):
    told = []
    session.result_changed.connect(lambda: told.append(session.is_stale))
    assert not session.is_stale
    EDITS[name](session)
    assert session.is_stale
    assert told[-1] is True


@pytest.mark.parametrize("name", ["paint", "fill", "erase", "setitem", "assignment", "merge"])
def test_every_edit_of_pixels_can_be_undone_and_redone(session, name, phantom):
    EDITS[name](session)
    edited = session.labels.copy()
    assert not np.array_equal(edited, phantom[1].labels)
    session.undo()
    np.testing.assert_array_equal(session.labels, phantom[1].labels)
    np.testing.assert_array_equal(session.layer.data, phantom[1].labels)
    session.redo()
    np.testing.assert_array_equal(session.layer.data, edited)


def test_napari_undo_makes_the_result_stale_and_can_itself_be_undone(session, phantom):
    EDITS["paint"](session)
    painted = session.labels.copy()
    session.set_result(measure(session))
    session.layer.undo()
    assert session.is_stale
    np.testing.assert_array_equal(session.labels, phantom[1].labels)
    session.undo()
    np.testing.assert_array_equal(session.labels, painted)


def test_looking_does_not_make_the_result_stale(session):
    session.layer.opacity = 0.5
    session.layer.visible = False
    session.layer.refresh()
    session.layer.selected_label = 4
    assert not session.is_stale


def test_labels_of_another_shape_are_refused_and_the_last_ones_put_back(session, phantom):
    session.layer.data = np.ones((5, 6), np.int32)
    np.testing.assert_array_equal(session.labels, phantom[1].labels)
    assert "Expected labels of the field's 64 x 80 pixels" in session.notice
    np.testing.assert_array_equal(session.layer.data, phantom[1].labels)
    assert not session.is_stale
    session.layer.data = np.ones((2, 64, 80), np.int32)
    with pytest.raises(nd.InputError, match="Expected labels of the field's 64 x 80 pixels"):
        session.sync()
    assert [str(unit) for unit in session.layer.units] == ["nanometer", "nanometer"]
    assert tuple(session.layer.axis_labels) == ("y", "x")
    np.testing.assert_array_equal(session.layer.scale, session.field.pixel_size_nm)


def test_a_removed_layer_loses_no_edit(session):
    session.delete([1])
    edited = session.labels.copy()
    session.viewer.layers.remove(session.layer)
    assert session.layer is None
    session.undo()
    session.redo()
    np.testing.assert_array_equal(session.layer.data, edited)
    assert session.layer in session.viewer.layers


def test_without_labels_there_is_nothing_to_edit(phantom):
    viewer = ViewerModel()
    session = session_of(viewer)
    session.show_field(phantom[0])
    for operate in (session.undo, session.redo, lambda: session.delete([1])):
        with pytest.raises(nd.InputError, match="segment the field first"):
            operate()
    assert session.labels is None
    assert session.is_stale


def test_what_is_measured_here_is_what_the_batch_measures(phantom):
    field, _ = phantom
    viewer = ViewerModel()
    session = session_of(viewer)
    session.show_field(field)
    session.set_outlines(outline(field, session.recipe.segment))
    result, batch = measure(session), nd.analyze(field, session.recipe)
    for name in ("particles", "radial", "profiles"):
        pd.testing.assert_frame_equal(getattr(result, name), getattr(batch, name), check_exact=True)
    assert result.summary == batch.summary
    assert result.provenance == batch.provenance


def test_scores_stay_with_the_particles_that_nobody_touched(phantom):
    field, _ = phantom
    viewer = ViewerModel()
    session = session_of(viewer)
    session.show_field(field)
    found = outline(field, session.recipe.segment)
    session.set_outlines(found)
    session.merge([1, 2])
    kept = session.outlines
    assert kept.scores["label"].tolist() == found.scores["label"].tolist()[2:]
    assert kept.settings["n_edits"] == 1
    assert session.outlines.labels.max() == found.labels.max()


def test_edits_are_kept_in_a_folder_and_found_again(session, tmp_path, phantom):
    session.keep_in(tmp_path / "here")
    session.delete([1])
    session.layer.paint((20, 20), 7)
    session.exclude([5], "double")
    expected = session.labels.copy()
    viewer = ViewerModel()
    again = session_of(viewer)
    again.show_field(phantom[0])
    again.keep_in(tmp_path / "here")
    assert "no other window has open" in again.notice
    session.keep_in(tmp_path / "elsewhere")
    again.keep_in(tmp_path / "here")
    np.testing.assert_array_equal(again.layer.data, expected)
    assert again.excluded == {5: "double"}
    session.keep_in(tmp_path / "third")
    np.testing.assert_array_equal(Curation.open(tmp_path / "elsewhere").labels, expected)


def test_edits_come_back_with_the_field(phantom):
    told = []
    for number in range(3):
        viewer = ViewerModel()
        session = session_of(viewer)
        session.noticed.connect(told.append)
        session.show_field(phantom[0])
        if number == 0:
            session.set_labels(phantom[1].labels)
        session.delete([number + 1])
        expected = session.labels.copy()
        assert not np.isin(expected, range(1, number + 2)).any()
        del session, viewer
        gc.collect()
    assert [text.split(";")[0].split("with ")[1] for text in told] == [
        "1 edit are back",
        "2 edits are back",
    ]


def test_a_second_window_is_told_that_its_edits_are_not_kept(session, phantom):
    viewer = ViewerModel()
    second = session_of(viewer)
    second.show_field(phantom[0])
    assert second.labels is None
    assert "that no other window has open" in second.notice
    second.set_labels(phantom[1].labels)
    second.delete([2])
    assert 2 not in second.labels
    assert 2 in session.labels


def test_edits_go_on_where_no_folder_can_be_had(phantom, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NANODOPE_EDITS", str(tmp_path / "file"))
    viewer = ViewerModel()
    session = session_of(viewer)
    session.show_field(phantom[0])
    session.set_labels(phantom[1].labels)
    assert "Edits are not kept when napari is closed: Expected a folder" in session.notice
    session.delete([2])
    assert 2 not in session.labels


def test_a_result_is_shown_with_its_table(session):
    result = measure(session)
    viewer = ViewerModel()
    other = session_of(viewer)
    other.show_result(result)
    assert not other.is_stale
    features = other.layer.features.set_index("index")
    np.testing.assert_array_equal(
        features["dopants"][result.particles["label"]], result.particles["dopants"]
    )


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["paint", "fill", "assign", "merge", "delete", "undo", "redo"]),
        st.integers(0, 2**16),
    ),
    max_size=12,
)


@given(steps=STEPS)
@settings(max_examples=30, deadline=None)
def test_chains_of_undo_agree_with_a_list_of_arrays(steps, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NANODOPE_EDITS", str(tmp_path_factory.mktemp("edits")))
        follow(steps)


def follow(steps):
    viewer = ViewerModel()
    session = session_of(viewer)
    first = np.kron(np.arange(1, 10).reshape(3, 3), np.ones((4, 4), int)).astype(np.int32)
    session.show_field(nd.FieldOfView(np.ones((12, 12)), {"Cd": np.ones((12, 12))}, (1, 1)))
    session.set_labels(first)
    states, at = [first], 0
    for name, number in steps:
        rng = np.random.default_rng(number)
        ids = np.unique(session.labels)[1:]
        if name == "undo":
            session.undo()
            at = max(at - 1, 0)
        elif name == "redo":
            session.redo()
            at = min(at + 1, len(states) - 1)
        elif name == "paint":
            session.layer.paint(tuple(rng.integers(0, 12, 2)), int(rng.integers(0, 12)))
        elif name == "fill":
            session.layer.fill(tuple(rng.integers(0, 12, 2)), int(rng.integers(0, 12)))
        elif name == "assign":
            session.layer.data = rng.integers(0, 5, (12, 12)).astype(np.int32)
        elif name == "merge" and len(ids) > 1:
            session.merge(rng.choice(ids, 2, replace=False))
        elif name == "delete" and len(ids):
            session.delete([rng.choice(ids)])
        now = session.labels
        if name not in ("undo", "redo") and not np.array_equal(now, states[at]):
            states, at = [*states[: at + 1], now.copy()], at + 1
        np.testing.assert_array_equal(now, states[at])
        np.testing.assert_array_equal(session.layer.data, states[at])


def other_field(phantom):
    field = phantom[0]
    return nd.FieldOfView(field.survey + 1, field.maps, field.pixel_size_nm, field_id="other")


def test_strokes_survive_another_field_and_a_removed_layer(session, phantom):
    session.layer.paint((20, 20), 77)
    painted = session.layer.data.copy()
    session.show_field(other_field(phantom))
    session.show_field(phantom[0])
    np.testing.assert_array_equal(session.labels, painted)
    session.layer.paint((50, 50), 78)
    painted = session.layer.data.copy()
    session.viewer.layers.remove(session.layer)
    np.testing.assert_array_equal(session.labels, painted)


def test_every_stroke_is_one_operation(session, phantom):
    n_before = session.version[-1]
    for at in ((20, 20), (40, 40), (50, 60)):
        with session.layer.block_history():
            session.layer.paint(at, 77)
            session.layer.paint((at[0] + 2, at[1]), 77)
    assert session.version[-1] == n_before + 3
    for _ in range(3):
        session.undo()
    np.testing.assert_array_equal(session.layer.data, phantom[1].labels)


def test_reasons_belong_to_particles_and_not_to_their_numbers(session):
    session.exclude([10], "out of focus")
    before = session.labels.copy()
    session.set_labels(np.roll(before, 7, axis=1))
    assert session.excluded == {}
    session.undo()
    assert session.excluded == {10: "out of focus"}


@pytest.mark.parametrize("kind", ["read-only", "fortran", "uint8", "float"])
def test_data_that_a_script_assigns_are_not_written_to(session, kind):
    labels = np.where(session.labels > 200, 0, session.labels).astype(np.int32)
    labels[:6, :6] = 150
    given = {
        "read-only": np.array(labels),
        "fortran": np.asfortranarray(labels),
        "uint8": labels.astype(np.uint8),
        "float": labels.astype(np.int64),
    }[kind]
    given.setflags(write=kind != "read-only")
    session.layer.data = given
    np.testing.assert_array_equal(session.labels, labels)
    chosen = [int(n) for n in np.unique(labels)[1:3]]
    session.merge(chosen)
    expected = np.where(labels == chosen[1], chosen[0], labels)
    np.testing.assert_array_equal(session.labels, expected)
    np.testing.assert_array_equal(session.layer.data, expected)
    session.layer.paint((30, 30), 160)
    np.testing.assert_array_equal(session.labels, session.layer.data)
    np.testing.assert_array_equal(given, labels)


def test_particles_are_chosen_of_one_field(session, phantom):
    session.choose([3, 4])
    session.set_labels(np.roll(phantom[1].labels, 3, axis=0))
    assert session.chosen == ()
    session.choose([3, 4])
    session.show_field(other_field(phantom))
    assert session.chosen == ()


def test_results_of_other_fields_are_refused(session, phantom):
    result = session.result
    session.show_field(other_field(phantom))
    with pytest.raises(nd.InputError, match="Expected a result of this field"):
        session.set_result(result)
    assert session.result is None


def test_a_full_disk_is_told_and_layer_and_history_agree(session, phantom, monkeypatch):
    def fail(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_nanodope.curation.os.fsync", fail)
    with pytest.raises(nd.InputError, match="got: No space left on device"):
        session.delete([1])
    with session.layer.block_history():
        session.layer.paint((20, 20), 77)
    assert "No space left on device" in session.notice
    np.testing.assert_array_equal(session.layer.data, phantom[1].labels)
    np.testing.assert_array_equal(session.labels, phantom[1].labels)
    monkeypatch.undo()
    session.delete([1])
    assert 1 not in session.layer.data


def test_a_calibration_set_in_the_viewer_is_taken(session, phantom):
    for layer in session.viewer.layers:
        layer.scale = (0.35, 0.35)
    assert session.find_field().pixel_size_nm == (0.35, 0.35)
    np.testing.assert_array_equal(session.labels, phantom[1].labels)


def brighter(field):
    """Another field, of another name."""
    return replace(field, survey=field.survey + 1, field_id="b")


def test_a_field_that_is_shown_again_takes_the_place_of_itself(session):
    session.delete([3])
    before, n_layers = session.labels.copy(), len(session.viewer.layers)
    session.show_field(session.field)
    assert len(session.viewer.layers) == n_layers
    assert session.find_field() is session.field
    np.testing.assert_array_equal(session.labels, before)
    session.undo()
    assert 3 in session.labels


def test_a_field_that_is_opened_twice_is_the_one_opened_last(phantom):
    viewer = ViewerModel()
    session = session_of(viewer)
    copy = replace(
        phantom[0],
        survey=phantom[0].survey.copy(),
        maps={name: counts.copy() for name, counts in phantom[0].maps.items()},
    )
    for field in (phantom[0], copy):  # as a reader does
        for data in field_to_layers(field):
            viewer.add_layer(Layer.create(*data))
    assert np.shares_memory(session.find_field().survey, copy.survey)
    viewer.layers.selection.active = viewer.layers[0]
    assert np.shares_memory(session.find_field().survey, copy.survey)


def test_another_field_of_the_same_name_is_not_mixed_in(session, phantom):
    first = session.field
    other = replace(phantom[0], survey=phantom[0].survey + 1)
    session.show_field(other)
    assert session.find_field() is other
    session.viewer.layers.selection.active = session.viewer.layers[0]
    assert session.find_field() is not other
    np.testing.assert_array_equal(session.field.survey, first.survey)


def test_edits_that_cannot_be_kept_wait_for_their_field(phantom, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NANODOPE_EDITS", str(tmp_path / "file"))
    viewer = ViewerModel()
    session = session_of(viewer)
    session.show_field(replace(phantom[0], field_id="a"))
    session.set_labels(phantom[1].labels)
    session.delete([2])
    expected = session.labels.copy()
    session.show_field(brighter(phantom[0]))
    assert session.labels is None
    viewer.layers.selection.active = viewer.layers[0]
    assert session.find_field().field_id == "a"
    np.testing.assert_array_equal(session.labels, expected)
    assert "not kept when napari is closed" in session.notice
    session.undo()
    np.testing.assert_array_equal(session.labels, phantom[1].labels)


def test_layers_of_another_type_are_not_taken_anew(phantom):
    viewer = ViewerModel()
    session = session_of(viewer)
    for data, options, kind in field_to_layers(phantom[0]):
        viewer.add_layer(Layer.create(data.astype(np.float64), options, kind))
    field = session.find_field()
    session.set_labels(phantom[1].labels)
    session.delete([3])
    assert session.find_field() is field
    assert 3 not in session.labels
    viewer.layers[0].data = viewer.layers[0].data + 1
    assert session.find_field() is not field


def test_a_viewer_without_layers_lets_others_go_on_with_the_edits(session, phantom):
    session.delete([3])
    expected = session.labels.copy()
    session.viewer.layers.clear()  # as closing does
    assert session.field is None
    assert session.labels is None
    assert session.result is None
    viewer = ViewerModel()
    second = session_of(viewer)
    second.show_field(phantom[0])
    np.testing.assert_array_equal(second.labels, expected)
    assert "with 1 edit are back" in second.notice


def test_labels_that_cannot_be_on_leaving_do_not_keep_the_folder_locked(session, phantom):
    session.layer.data = np.full((64, 80), 7)  # a stroke like any other
    session.show_field(brighter(phantom[0]))
    viewer = ViewerModel()
    second = session_of(viewer)
    second.show_field(phantom[0])
    assert (second.labels == 7).all()


def test_a_damaged_log_is_told_and_left_alone(phantom):
    viewer = ViewerModel()
    session = session_of(viewer)
    session.show_field(phantom[0])
    session.set_labels(phantom[1].labels)
    session.delete([3])
    log = choose_edits_folder(phantom[0]) / LOG_FILE
    viewer.layers.clear()
    damaged = log.read_text().replace(",3,0]", ",3,-5]", 1)
    assert damaged != log.read_text()
    log.write_text(damaged)
    other = ViewerModel()
    second = session_of(other)
    second.show_field(phantom[0])
    assert second.labels is None
    assert f"Expected an edit in line 1 of {log}" in second.notice
    assert log.read_text() == damaged


def test_a_split_of_a_particle_that_is_gone_is_told(session):
    before = session.labels.copy()
    session.delete([4])
    with pytest.raises(nd.InputError, match="got particle 4, which is not there"):
        session.split_by_seeds(4, np.argwhere(before == 4)[[0, -1]])
    with pytest.raises(nd.InputError, match="got particle 4, which is not there"):
        session.split_by_line(4, [[0, 0], [60, 60]])


def read_again(field, **changes):
    """The same field with arrays of its own, as a reader gives them."""
    maps = {name: counts.copy() for name, counts in field.maps.items()}
    return replace(field, survey=field.survey.copy(), maps=maps, **changes)


def test_a_field_that_was_opened_twice_can_be_read_anew(session):
    for data in field_to_layers(read_again(session.field)):
        session.viewer.add_layer(Layer.create(*data))
    doubled = {name: 2 * counts for name, counts in session.field.maps.items()}
    labels = session.labels.copy()
    session.replace_field(replace(session.field, maps=doubled))
    names = [layer.name for layer in session.viewer.layers]
    assert sorted(names) == ["Cd", "Mn", "particles", "survey"]
    np.testing.assert_array_equal(session.viewer.layers["Mn"].data, doubled["Mn"])
    np.testing.assert_array_equal(session.viewer.layers["particles"].data, labels)


def test_fields_of_scripts_without_names_do_not_mix():
    viewer = ViewerModel()
    fields = []
    for seed in (1, 2):
        field, truth = nd.simulate_field(nd.PhantomParams(shape_px=(60, 70)), seed=seed)
        field = nd.FieldOfView(field.survey, field.maps, field.pixel_size_nm)
        fields.append(field)
        nd.add_to_viewer(viewer, nd.analyze(field, labels=truth.labels))
    session = session_of(viewer)
    assert session.find_field() is fields[1]
    viewer.layers.selection.active = viewer.layers[0]
    np.testing.assert_array_equal(session.find_field().survey, fields[0].survey)
    nd.add_to_viewer(viewer, nd.analyze(fields[0], labels=np.eye(60, 70, dtype=int)))
    assert session.find_field() is fields[0]


def test_labels_of_another_window_are_gone_on_with_and_can_be_undone(phantom):
    first, second = ViewerModel(), ViewerModel()
    session_of(first).show_field(phantom[0])
    session_of(second).show_field(phantom[0])
    session_of(first).set_labels(phantom[1].labels)
    first.layers.clear()
    other = np.where(phantom[1].labels > 5, 0, phantom[1].labels)
    session_of(second).set_labels(other)
    np.testing.assert_array_equal(session_of(second).labels, other)
    session_of(second).undo()
    np.testing.assert_array_equal(session_of(second).labels, phantom[1].labels)


def test_layers_that_are_moved_or_duplicated_are_the_same_field(session):
    field, layers = session.field, session.viewer.layers
    layers.move(1, 3)
    layers.selection.active = layers["survey"]
    assert session.find_field() is field
    copy = layers["Mn"].as_layer_data_tuple()
    session.viewer.add_layer(Layer.create(copy[0].copy(), {**copy[1], "name": "Mn copy"}, copy[2]))
    assert session.find_field() is field
    assert session.result is not None


def test_images_that_change_make_the_result_stale(session):
    session.viewer.layers["Mn"].data = np.zeros((64, 80), np.float32)
    assert session.is_stale
    assert session.find_field().maps["Mn"].sum() == 0


def test_the_table_tells_only_of_particles_as_they_are(session, phantom):
    assert set(session.layer.features["index"]) == {0, *range(1, phantom[1].labels.max() + 1)}
    session.merge([3, 5])
    assert not {3, 5} & set(session.layer.features["index"])
    assert 4 in set(session.layer.features["index"])
    truth = phantom[1].labels
    session.set_labels(np.where(truth > 0, truth % truth.max() + 1, 0))
    assert set(session.layer.features["index"]) <= {0}


def test_reasons_do_not_move_to_other_particles(session):
    session.exclude([4], "out of focus")
    labels = session.labels.copy()
    labels[labels == 2] = 0
    session.layer.data = np.searchsorted(np.unique(labels), labels)  # numbered anew
    assert session.labels.max() == labels.max() - 1
    assert session.excluded == {}
    session.undo()
    assert session.excluded == {4: "out of focus"}


def test_where_labels_come_from_is_undone_with_them(session, phantom):
    session.delete([1])
    found = outline(session.field, nd.Recipe().replace(segment={"method": "watershed"}).segment)
    session.set_outlines(found)
    assert session.outlines.settings["method"] == "watershed"
    assert "n_edits" not in session.outlines.settings
    session.delete([2])
    assert session.outlines.settings["n_edits"] == 1
    session.undo()
    session.undo()
    assert session.outlines is None
    assert measure(session).provenance["labels"]["origin"] == "given"
    session.redo()
    assert session.outlines.settings["method"] == "watershed"


def test_edits_of_a_result_are_counted_on(session):
    found = outline(session.field, nd.Recipe().replace(segment={"method": "watershed"}).segment)
    session.set_outlines(found)
    session.delete([1])
    session.delete([2])
    viewer = ViewerModel()
    nd.add_to_viewer(viewer, measure(session))
    session_of(viewer).delete([3])
    assert session_of(viewer).outlines.settings["n_edits"] == 3


def test_the_same_pixels_from_elsewhere_make_the_result_stale(session):
    session.set_labels(session.labels)
    assert session.is_stale


def test_the_recipe_says_how_maps_were_read(session, phantom):
    session.set_recipe(session.recipe.replace(maps={"lines": {"Mn": "Kb"}}))
    source = nd.Source("other.emd", "0" * 64, "test", {"given": {"lines": {"Cd": "La"}}})
    for data in field_to_layers(replace(brighter(phantom[0]), source=source)):
        session.viewer.add_layer(Layer.create(*data))
    session.find_field()
    assert session.recipe.maps.lines == {"Cd": "La"}


def test_edits_move_to_a_folder_with_their_history(session, tmp_path, phantom):
    session.exclude([4], "out of focus")
    session.delete([2])
    session.delete([3])
    session.undo()
    session.keep_in(tmp_path / "a")
    assert session.excluded == {4: "out of focus"}
    session.redo()
    assert 3 not in session.labels
    session.undo()
    session.undo()
    np.testing.assert_array_equal(session.labels, phantom[1].labels)
    session.delete([7])
    session.show_field(brighter(phantom[0]))
    session.show_field(phantom[0])
    assert 7 not in session.labels  # the folder is remembered
    session.viewer.layers.clear()
    again = Curation.open(tmp_path / "a")
    assert 7 not in again.labels
    assert again.excluded == {4: "out of focus"}


def test_edits_whose_folder_is_deleted_are_not_lost(session, phantom):
    session.delete([2])
    shutil.rmtree(choose_edits_folder(phantom[0]))
    with pytest.raises(nd.InputError, match="as this window left it"):
        session.delete([3])
    session.show_field(phantom[0])
    assert 2 not in session.labels
    assert 3 in session.labels


def test_exclusions_since_a_result_come_back_by_undo(session):
    result = session.result
    session.exclude([4], "out of focus")
    session.show_result(result)
    assert session.excluded == {}
    assert "undo brings back" in session.notice
    session.undo()
    assert session.excluded == {4: "out of focus"}


def test_the_layer_that_is_put_back_is_used_again(session):
    layer = session.layer
    session.viewer.layers.remove(layer)
    session.delete([2]) if session.layer else None
    session.viewer.layers.append(layer)
    assert session.layer is layer
    layer.paint((20, 20), 7)
    assert session.labels[20, 20] == 7


def test_what_a_script_writes_into_the_data_is_an_edit(session):
    session.layer.data[0:5, 0:5] = 777
    session.delete([5])
    assert (session.labels[0:5, 0:5] == 777).all()
    session.undo()
    assert (session.labels[0:5, 0:5] == 777).all()


def test_arrays_of_a_script_are_not_written_to(session):
    mine = session.labels.copy()
    session.layer.data = mine
    before = mine.copy()
    session.delete([3])
    np.testing.assert_array_equal(mine, before)
    assert 3 not in session.layer.data


def test_particles_are_chosen_as_they_are_now(session):
    data = session.labels.copy()
    data[:3, :3] = 777
    session.layer.data = data
    session.choose([777, 777, 2**40])
    assert session.chosen == (777,)
    session.merge([3, 5, 0])
    assert session.chosen == (3,)
    with pytest.raises(nd.InputError, match="Expected particles to exclude, got none"):
        session.exclude([], "why")
    session.exclude([3], "lone \ud800 surrogate")
    assert session.excluded[3].startswith("lone ")


@pytest.mark.parametrize("told", [{"a": "x"}, None, {"999": "x"}, 5])
def test_a_damaged_provenance_is_told_before_anything_changes(session, told):
    damaged = replace(session.result, provenance={**session.result.provenance, "exclusions": told})
    before = session.labels.copy()
    with pytest.raises(nd.InputError, match="Expected a provenance that tells"):
        session.show_result(damaged)
    np.testing.assert_array_equal(session.labels, before)


def test_images_that_are_no_maps_are_told(session):
    stack = np.zeros((2, 64, 80), np.float32)
    options = session.viewer.layers["Mn"].as_layer_data_tuple()[1]
    layer = Layer.create(stack, {"metadata": options["metadata"], "name": "stack"}, "image")
    session.viewer.layers.remove("Mn")
    session.viewer.add_layer(layer)
    with pytest.raises(nd.InputError, match="Expected an image of two dimensions in 'stack'"):
        session.find_field()


def test_particles_turned_into_an_image_are_passed_over(session):
    data, options, _ = session.layer.as_layer_data_tuple()
    kept = {name: options[name] for name in ("metadata", "scale", "units")}
    session.viewer.add_layer(Layer.create(data.astype(float), kept | {"name": "image"}, "image"))
    assert session.find_field() is session.field


def test_a_bright_even_survey_is_shown():
    survey = np.full((30, 40), 1e20, np.float32)
    ViewerModel().add_layer(
        Layer.create(*field_to_layers(nd.FieldOfView(survey, {"Cd": survey}, 1.0))[0])
    )


def test_a_field_takes_over_the_layers_of_one_that_is_gone(session, phantom, tmp_path):
    old, layers = session.field, session.viewer.layers
    survey = layers["survey"]
    survey.gamma = 0.5
    maps = {"Cd": np.full((30, 40), 3.0, np.float32), "S": np.ones((30, 40), np.float32)}
    other = nd.FieldOfView(np.full((30, 40), 900.0, np.float32), maps, (0.5, 0.6), field_id="next")
    session.delete([1])
    session.show_field(other, home=tmp_path / "next", gone=old)
    assert [layer.name for layer in layers] == ["survey", "Cd", "S"]
    assert (layers["survey"], survey.gamma) == (survey, 0.5)
    assert survey.contrast_limits[1] >= 900
    assert session.find_field() is other
    assert session.labels is None
    session.set_labels(np.eye(30, 40, dtype=np.int32))
    assert (tmp_path / "next" / "labels.tif").is_file()
    session.show_field(phantom[0], gone=other)
    assert {layer.name for layer in layers} == {"survey", "Cd", "Mn", "particles"}
    assert 1 not in session.labels
