"""Recipes: what they accept, what they say of mistakes, and the way to TOML and back."""

import re
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from napari_nanodope.materials import MATERIALS
from napari_nanodope.model import InputError
from napari_nanodope.recipe import Recipe

positive = st.floats(min_value=1e-12, max_value=1e12)
not_negative = st.floats(min_value=0, max_value=1e12)
text = st.text(st.characters(codec="utf-8"), max_size=20)
symbols = st.sampled_from(["Cd", "Zn", "Mn", "Fe", "Pt", "S"])


@st.composite
def fields(draw):
    if draw(st.booleans()):
        material = draw(st.sampled_from(sorted(MATERIALS)))
        host = draw(st.sampled_from(sorted(MATERIALS[material].sites_per_cell)))
        return {"material": material, "host": host, "dopant": "Mn"}
    host, dopant = draw(st.lists(symbols, min_size=2, max_size=2, unique=True))
    return {"host": host, "dopant": dopant, "material": draw(text), "sites_per_nm3": draw(positive)}


recipes = st.builds(
    Recipe,
    field=fields(),
    maps=st.fixed_dictionaries({"lines": st.dictionaries(symbols, text, max_size=3)}),
    segment=st.fixed_dictionaries(
        {
            "image": st.sampled_from(["auto", "survey", "host"]),
            "diameter_nm": positive | st.just("auto"),
        }
    ),
    particles=st.fixed_dictionaries(
        {
            "exclude_border": st.booleans(),
            "min_diameter_nm": not_negative,
            "max_diameter_nm": st.none() | positive,
            "min_solidity": st.floats(0, 1),
            "max_contact_fraction": st.floats(0, 1),
            "volume": st.sampled_from(["area", "inradius", "host"]),
        }
    ),
    count=st.fixed_dictionaries(
        {"threshold": not_negative | st.just("auto"), "counts_per_dopant": st.none() | positive}
    ),
    profile=st.fixed_dictionaries(
        {
            "distance": st.sampled_from(["euclidean", "erode-ceil"]),
            "shell_nm": positive | st.just("auto"),
        }
    ),
    expect=st.fixed_dictionaries(
        {"icp_ms_mM": st.none() | not_negative, "reference_mM": not_negative}
    ),
)


def change(table: str, key: str, value: object) -> Recipe:
    return Recipe.from_dict({table: {key: value}})


def test_the_default_recipe_survives_toml():
    assert Recipe.from_toml(Recipe().to_toml()) == Recipe()


@given(recipes)
def test_every_recipe_survives_toml(recipe):
    again = Recipe.from_toml(recipe.to_toml())
    assert again == recipe
    assert again.sha256 == recipe.sha256


def test_a_comparison_that_was_switched_off_stays_off():
    recipe = Recipe().replace(expect={"reference_mM": 0})
    assert Recipe.from_toml(recipe.to_toml()).expect.reference_mM == 0


def test_every_recipe_survives_a_file(tmp_path):
    recipe = Recipe().replace(
        field={"material": 'Cd "x"\r\n\\µ', "sites_per_nm3": 20.0},
        maps={"lines": {"Mn": "Ka", "Cd": "La"}},
    )
    recipe.save(tmp_path / "recipe.toml")
    assert Recipe.load(tmp_path / "recipe.toml") == recipe
    assert [file.name for file in tmp_path.iterdir()] == ["recipe.toml"]


def test_saving_replaces_an_earlier_recipe(tmp_path):
    path = tmp_path / "recipe.toml"
    Recipe().replace(count={"threshold": 7.5}).save(path)
    Recipe().save(path)
    assert Recipe.load(path) == Recipe()


def test_toml_explains_every_setting_above_it():
    lines = Recipe().to_toml().splitlines()
    for table, stage in Recipe():
        assert f"[{table}]" in lines
        for key, info in type(stage).model_fields.items():
            row = next(i for i, line in enumerate(lines) if re.match(rf"(# )?{key} =", line))
            assert lines[row - 1] == f"# {info.description}"


def test_a_written_recipe_needs_only_what_differs():
    recipe = Recipe.from_toml('[field]\nhost = "Zn"\nmaterial = "ZnS (zinc blende)"\n')
    assert recipe == Recipe().replace(field={"host": "Zn", "material": "ZnS (zinc blende)"})
    assert Recipe.from_toml("") == Recipe()


def test_a_recipe_cannot_be_changed():
    recipe = Recipe()
    with pytest.raises(ValidationError, match="frozen"):
        recipe.count.threshold = 2.0
    with pytest.raises(ValidationError, match="frozen"):
        recipe.count = None


def test_recipes_do_not_share_their_tables_of_lines():
    Recipe().maps.lines["Cd"] = "La"
    assert Recipe().maps.lines == {}


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("field", "sites_per_nm3"),
        ("segment", "diameter_nm"),
        ("count", "counts_per_dopant"),
        ("profile", "shell_nm"),
    ],
)
@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), "wide"])
def test_what_must_be_positive_is_refused_otherwise(table, key, value):
    with pytest.raises(InputError, match=re.escape(f"[{table}] {key}")):
        change(table, key, value)


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("particles", "min_diameter_nm"),
        ("count", "threshold"),
        ("expect", "icp_ms_mM"),
        ("expect", "reference_mM"),
    ],
)
def test_zero_is_the_least_where_zero_makes_sense(table, key):
    assert getattr(getattr(change(table, key, 0), table), key) == 0
    for value in (-1e-9, float("nan"), float("inf"), "many"):
        with pytest.raises(InputError, match=re.escape(f"[{table}] {key}")):
            change(table, key, value)


@pytest.mark.parametrize(
    ("table", "key"), [("segment", "diameter_nm"), ("count", "threshold"), ("profile", "shell_nm")]
)
def test_auto_is_a_word_only_where_it_means_something(table, key):
    assert getattr(getattr(change(table, key, "auto"), table), key) == "auto"
    for word in ("Auto", "automatic", ""):
        with pytest.raises(InputError, match=re.escape(f"[{table}] {key}")):
            change(table, key, word)
    with pytest.raises(InputError, match="min_diameter_nm"):
        change("particles", "min_diameter_nm", "auto")


@pytest.mark.parametrize(
    ("table", "key", "allowed"),
    [
        ("segment", "method", "watershed"),
        ("segment", "image", "survey"),
        ("particles", "volume", "inradius"),
        ("profile", "distance", "erode-ceil"),
    ],
)
def test_a_choice_that_does_not_exist_is_told_what_exists(table, key, allowed):
    with pytest.raises(InputError, match="unheard-of") as error:
        change(table, key, "unheard-of")
    assert f"[{table}] {key}" in str(error.value)
    assert allowed in str(error.value)


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"count": {"treshold": 1}}, r"\[count\] treshold is no setting .*threshold"),
        ({"segment": {"diameter": 1}}, r"\[segment\] diameter is no setting .*diameter_nm"),
        ({"cuont": {}}, "cuont.* is no setting .*count"),
        ({"expect": {"icpms_mM": 19}}, r"\[expect\] icpms_mM is no setting .*icp_ms_mM"),
    ],
)
def test_an_unknown_key_is_told_the_nearest(tables, message):
    with pytest.raises(InputError, match=message):
        Recipe.from_dict(tables)


def test_an_unknown_key_like_no_other_is_told_all_that_exist():
    with pytest.raises(InputError, match="known: threshold, counts_per_dopant"):
        change("count", "zzz", 1)


def test_every_mistake_is_told_at_once():
    with pytest.raises(InputError) as error:
        Recipe.from_dict(
            {
                "count": {"threshold": -1, "treshold": 1},
                "segment": {"diameter_nm": 0},
                "profile": {"distance": "straight"},
                "expcet": {},
            },
            origin="mine.toml",
        )
    message = str(error.value)
    assert message.startswith("mine.toml")
    told = ("[count] threshold", "[count] treshold", "[segment] diameter_nm", "[profile] distance")
    for place in (*told, "expcet"):
        assert place in message


@pytest.mark.parametrize("tables", [{"count": 5}, {"count": None}, {"maps": {"lines": "Ka"}}])
def test_a_value_in_place_of_a_table_is_refused(tables):
    with pytest.raises(InputError, match=next(iter(tables))):
        Recipe.from_dict(tables)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"host": "Xx"}, "element symbol .* as host, got 'Xx'"),
        ({"dopant": "mn"}, "element symbol .* as dopant, got 'mn'"),
        ({"dopant": "Cd"}, "two different elements"),
        ({"host": "Zn"}, r"one of Cd, S, the elements of CdS \(zinc blende\); got Zn"),
        ({"material": "CdS (zincblende)"}, r"known material.*'CdS \(zinc blende\)'"),
    ],
)
def test_a_field_that_does_not_fit_together_is_refused(field, message):
    with pytest.raises(InputError, match=message):
        Recipe.from_dict({"field": field})


def test_messages_end_with_one_full_stop():
    for tables in ({"field": {"host": "Zn"}}, {"field": {"material": "x"}}, {"count": {"x": 1}}):
        with pytest.raises(InputError, match=r"[^.]\.$"):
            Recipe.from_dict(tables)


def test_a_lattice_that_is_not_shipped_takes_its_sites():
    recipe = Recipe.from_dict(
        {"field": {"host": "Zn", "material": "Zn0.5Cd0.5S", "sites_per_nm3": 12.5}}
    )
    assert recipe.field.host_sites_per_nm3() == 12.5
    assert recipe.field.lattice() is None


def test_sites_are_those_of_the_shipped_lattice_or_unknown():
    assert Recipe().field.host_sites_per_nm3() == pytest.approx(20.3, abs=0.05)
    assert change("field", "material", "").field.host_sites_per_nm3() is None


def test_what_is_no_toml_is_told_where():
    with pytest.raises(InputError, match=r"^mine\.toml: expected TOML.*line 2"):
        Recipe.from_toml("[count]\nthreshold 1", origin="mine.toml")


def test_a_mistake_in_a_file_names_the_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[count]\nthreshold = -1\n", encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(str(path))):
        Recipe.load(path)


def test_a_recipe_that_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "latin.toml").write_bytes(b"# \xe9\n")
    for path in (tmp_path / "none.toml", tmp_path, tmp_path / "latin.toml"):
        with pytest.raises(InputError, match=f"recipe to read at {re.escape(str(path))}"):
            Recipe.load(path)


def test_the_digest_is_the_same_for_the_same_settings():
    assert Recipe().sha256 == Recipe.from_dict({"count": {"threshold": 0.5}}).sha256
    assert re.fullmatch("[0-9a-f]{64}", Recipe().sha256)
    forth = change("maps", "lines", {"Mn": "Ka", "Cd": "La"})
    back = change("maps", "lines", {"Cd": "La", "Mn": "Ka"})
    assert forth.sha256 == back.sha256


def test_the_digest_tells_whole_numbers_from_nothing_else():
    assert change("count", "threshold", 1).sha256 == change("count", "threshold", 1.0).sha256


@given(recipes, recipes)
def test_the_digest_differs_when_a_setting_does(one, other):
    assert (one.sha256 == other.sha256) == (one == other)


def test_replacing_changes_a_copy_only():
    recipe = Recipe()
    other = recipe.replace(count={"threshold": 1.5}, particles={"exclude_border": False})
    assert (other.count.threshold, other.particles.exclude_border) == (1.5, False)
    assert other.field == recipe.field
    assert recipe == Recipe()
    assert recipe.replace() == recipe


def test_replacing_checks_what_it_puts_in():
    with pytest.raises(InputError, match=r"table of field, maps, .*got 'cuont'"):
        Recipe().replace(cuont={"threshold": 1})
    with pytest.raises(InputError, match=r"\[count\] threshold"):
        Recipe().replace(count={"threshold": -1})
    with pytest.raises(InputError, match="treshold"):
        Recipe().replace(count={"treshold": 1})


def test_the_toml_is_plain_toml():
    tables = tomllib.loads(Recipe().to_toml())
    assert tables["count"] == {"threshold": 0.5}
    assert tables["maps"] == {"lines": {}, "detectors": "sum", "frames": "sum"}
