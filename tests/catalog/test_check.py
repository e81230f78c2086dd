"""Every mistake at once: file, line, key, what is known, the nearest."""

from __future__ import annotations

import pytest

from workbench.catalog.check import problems, remarks
from workbench.catalog.cruise import open_cruise
from workbench.core.errors import CatalogError

GOOD = """\
metadata:
  cruise: {id: TN413, ship: R/V Thomas G. Thompson, start: 2023-01-12, end: 2023-02-20}
  board:
    - {view: tiles, kpis: [stream_pressure]}
    - {view: cruise_map, source: underway, colour: sfl.sea_water_temperature}
    - {view: cytogram, source: seaflow, x: fsc_small, y: chl_small}
    - {view: series, source: sfl, variables: [salinity, underway.speed]}
    - {view: files, source: seaflow}
  kpis:
    stream_pressure: {source: sfl, variable: stream_pressure, reduce: last, over: 10min, expect: [11.5, null], unit: psi}
sources:
  underway: {driver: workbench, description: Positions., args: {reader: nmea_log, url: "{{ CATALOG_DIR }}/underway/*", every: 1s}}
  seaflow: {driver: workbench, args: {reader: seaflow_evt, url: ["/evt", "{{CATALOG_DIR}}/more"]}}
  sfl: {driver: workbench, args: {reader: seaflow_sfl, url: $WORKBENCH_DATA/sfl}}
"""


def test_a_good_catalog_has_no_mistakes(catalog, tmp_path):
    assert problems(catalog(GOOD), data=tmp_path) == []


def change(old: str, new: str, count: int = 1) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, count)


MISTAKES = [
    # old, new, line, key, what is said
    ("TN413", "TN 413", 2, "metadata.cruise.id", "is not a name"),
    ("{id: TN413, ", "{", 2, "metadata.cruise.id", "is missing"),
    ("TN413", "1406", 2, "metadata.cruise.id", "must be text, not 1406; put it in quotes: '1406'"),
    ("ship:", "shipp:", 2, "metadata.cruise.shipp", "'shipp' is not known here; did you mean 'ship'? (known: end, id, ship"),
    ("end: 2023-02-20", "end: soon", 2, "metadata.cruise.end", "'soon' is not a time; write it as"),
    ("end: 2023-02-20", "end: 2023-01-11", 2, "metadata.cruise.end", "is not after the start, '2023-01-12'"),
    ("  board:", "  bord:", 3, "metadata.bord", "did you mean 'board'?"),
    ("  board:", "  tasks: []\n  board:", 3, "metadata.tasks", "'tasks' is not in this version"),
    ("sources:\n", "alarms: {}\nsources:\n", 11, "alarms", "'alarms' is not in this version"),
    ("sources:\n", "plugins: {}\nsources:\n", 11, "plugins", "'plugins' is not known here"),
    ("sources:\n", "version: 2\nsources:\n", 11, "version", "write 1"),
    ("view: cytogram", "view: cytogran", 6, "metadata.board.2.view", "did you mean 'cytogram'?"),
    ("view: cytogram, ", "", 6, "metadata.board.2.view", "is missing"),
    ("x: fsc_small", "z: fsc_small", 6, "metadata.board.2.z", "'z' is not an option of cytogram"),
    ("x: fsc_small", "x: fsc_smal", 6, "metadata.board.2.x", "did you mean 'fsc_small'?"),
    ("x: fsc_small", "x: row_size", 6, "metadata.board.2.x", "'row_size' is not a channel"),
    ("[salinity,", "[file_id,", 7, "metadata.board.3.variables.0", "'file_id' is text, which cannot be drawn"),
    ("sfl.sea_water_temperature", "underway.time_instrument", 5, "metadata.board.1.colour", "is a time"),
    ("x: fsc_small", "x: seaflow.fsc_small", 6, "metadata.board.2.x", "without a source before it"),
    ("x: fsc_small", "x: [fsc_small]", 6, "metadata.board.2.x", "must be text"),
    ("source: seaflow, x", "source: sfl, x", 6, "metadata.board.2.source", "'sfl' has no particles"),
    ("source: seaflow, x", "source: seafow, x", 6, "metadata.board.2.source", "did you mean 'seaflow'?"),
    ("source: seaflow, x", "x", 6, "metadata.board.2.source", "is missing"),
    ("source: underway, c", "source: seaflow, c", 5, "metadata.board.1.source", "has no latitude and longitude"),
    ("colour: sfl.", "colour: slf.", 5, "metadata.board.1.colour", "did you mean 'sfl'?"),
    ("sfl.sea_water_temperature", "sfl.sea_water_temp", 5, "metadata.board.1.colour", "did you mean 'sea_water_temperature'?"),
    ("sfl.sea_water_temperature", "seaflow.pe", 5, "metadata.board.1.colour", "'pe' is not a series"),
    ("colour: sfl.sea_water_temperature", "colour: 3", 5, "metadata.board.1.colour", "must be text, not 3"),
    ("[salinity, underway.speed]", "salinity", 7, "metadata.board.3.variables", "must be a list of names"),
    ("[salinity,", "[salinty,", 7, "metadata.board.3.variables.0", "did you mean 'salinity'?"),
    ("source: sfl, variables", "variables", 7, "metadata.board.3.variables.0", "write SOURCE.VARIABLE"),
    ("kpis: [stream_pressure]", "kpis: [stream_presure]", 4, "metadata.board.0.kpis.0", "did you mean 'stream_pressure'?"),
    ("variable: stream_pressure", "variable: stream_presure", 10, "metadata.kpis.stream_pressure.variable", "did you mean 'stream_pressure'?"),
    ("variable: stream_pressure", "variable: salinity, variable: stream_pressure", 10, "metadata.kpis.stream_pressure.variable", "stands twice"),
    ("variable: stream_pressure, reduce: last", "variable: file_id, reduce: mean", 10, "metadata.kpis.stream_pressure.variable", "'file_id' is text, which has no mean"),
    ("source: sfl, variable: stream_pressure", "source: seaflow, variable: pe", 10, "metadata.kpis.stream_pressure.variable", "a value for each particle"),
    ("{source: sfl, variable", "{source: slf, variable", 10, "metadata.kpis.stream_pressure.source", "did you mean 'sfl'?"),
    ("reduce: last", "reduce: lst", 10, "metadata.kpis.stream_pressure.reduce", "did you mean 'last'?"),
    ("over: 10min", "over: 10 minits", 10, "metadata.kpis.stream_pressure.over", "is not a duration"),
    ("over: 10min", "over: 10", 10, "metadata.kpis.stream_pressure.over", "must be text, not 10; put it in quotes"),
    ("over: 10min", "over: 0s", 10, "metadata.kpis.stream_pressure.over", "no time at all"),
    ("[11.5, null]", "[12.5, 11.5]", 10, "metadata.kpis.stream_pressure.expect", "12.5 is more than 11.5"),
    ("[11.5, null]", "[11.5]", 10, "metadata.kpis.stream_pressure.expect", "needs two values"),
    ("[11.5, null]", "[null, null]", 10, "metadata.kpis.stream_pressure.expect", "needs two values"),
    ("[11.5, null]", "[a, b]", 10, "metadata.kpis.stream_pressure.expect.0", "must be a number, not 'a'"),
    ("[11.5, null]", "[.nan, 3]", 10, "metadata.kpis.stream_pressure.expect.0", "must be a finite number"),
    ("unit: psi", "unit: kg", 10, "metadata.kpis.stream_pressure.unit", "cannot turn 'psi' into 'kg'"),
    ("unit: psi", "unt: psi", 10, "metadata.kpis.stream_pressure.unt", "did you mean 'unit'?"),
    ("unit: psi", "alarm: yes", 10, "metadata.kpis.stream_pressure.alarm", "not in this version"),
    ("driver: workbench, description", "driver: workbnch, description", 12, "sources.underway.driver", "the only driver is 'workbench'"),
    ("driver: workbench, description", "driver: csv, description", 12, "sources.underway.driver", "the only driver is 'workbench'"),
    ("description: Positions.", "descripton: Positions.", 12, "sources.underway.descripton", "did you mean 'description'?"),
    ("description: Positions.", "cls: os.system", 12, "sources.underway.cls", "'cls' is not known here"),
    ("description: Positions.", "parameters: {}", 12, "sources.underway.parameters", "not in this version"),
    ("reader: nmea_log", "reader: nmea_lgo", 12, "sources.underway.args.reader", "did you mean 'nmea_log'? (known: "),
    ("reader: nmea_log", "reader: fcs", 12, "sources.underway.args.reader", "'fcs' is not in this version"),
    ("reader: nmea_log, ", "", 12, "sources.underway.args.reader", "is missing"),
    ('url: "{{ CATALOG_DIR }}/underway/*"', 'listen: "smoke://0.0.0.0:55501"', 12, "sources.underway.args.listen", "'"),
    ('reader: nmea_log, url: "{{ CATALOG_DIR }}/underway/*"', "product: seaflw, inputs: {evt: seaflow}", 12, "sources.underway.args.product", "'seaflw': there is no product of that name"),
    ('reader: nmea_log, url: "{{ CATALOG_DIR }}/underway/*"', "product: small_sum", 12, "sources.underway.args.inputs", "'inputs' is missing"),
    ('reader: nmea_log, url: "{{ CATALOG_DIR }}/underway/*"', "product: small_sum, inputs: {rows: slf}", 12, "sources.underway.args.inputs.rows", "did you mean 'sfl'?"),
    ('reader: nmea_log, url: "{{ CATALOG_DIR }}/underway/*"', "product: small_sum, inputs: {rwos: sfl}", 12, "sources.underway.args.inputs.rwos", "did you mean 'rows'?"),
    ('reader: nmea_log, url: "{{ CATALOG_DIR }}/underway/*"', "product: small_sum, inputs: {rows: underway}", 12, "sources.underway.args.inputs", "'underway' is made of itself"),
    ('reader: nmea_log, url: "{{ CATALOG_DIR }}/underway/*"', "product: small_sum, factor: x, inputs: {rows: sfl}", 12, "sources.underway.args.factor", "does not fit (input should be a valid number"),
    ('reader: nmea_log, url: "{{ CATALOG_DIR }}/underway/*"', 'product: small_sum, inputs: {rows: sfl}, url: "/x"', 12, "sources.underway.args.url", "'url' does not go with 'product'"),
    ("nmea_log,", "nmea_log, password: secret,", 12, "sources.underway.args.password", "write password_env or password_file"),
    ("every: 1s", "evry: 1s", 12, "sources.underway.args.evry", "did you mean 'every'?"),
    ("every: 1s", "every: often", 12, "sources.underway.args.every", "is not a duration"),
    ("every: 1s", "start: 2023-01-01", 12, "sources.underway.args.start", "'start' is not an option of nmea_log"),
    ("nmea_log,", "small_lines, factor: much,", 12, "sources.underway.args.factor", "does not fit (input should be a valid number"),
    ("nmea_log,", "small_lines, fcator: 2,", 12, "sources.underway.args.fcator", "did you mean 'factor'?"),
    ('"{{ CATALOG_DIR }}/underway/*"', '"{{ HOME }}/x"', 12, "sources.underway.args.url", "{{ CATALOG_DIR }} is the only one"),
    ('"{{ CATALOG_DIR }}/underway/*"', "underway/*", 12, "sources.underway.args.url", "does not say from where"),
    ('"{{ CATALOG_DIR }}/underway/*"', "s3://bucket/x", 12, "sources.underway.args.url", "only files and folders are opened"),
    ('"{{ CATALOG_DIR }}/underway/*"', '"simplecache::/x"', 12, "sources.underway.args.url", "only files and folders are opened"),
    ('"{{ CATALOG_DIR }}/underway/*"', "$HOME/x", 12, "sources.underway.args.url", "'$HOME' is not expanded"),
    ('"{{ CATALOG_DIR }}/underway/*"', "3", 12, "sources.underway.args.url", "must be a path or a list of paths"),
    ('"{{ CATALOG_DIR }}/underway/*"', "[]", 12, "sources.underway.args.url", "must be a path or a list of paths"),
    ('"{{CATALOG_DIR}}/more"', '"more"', 13, "sources.seaflow.args.url.1", "does not say from where"),
    ("  seaflow: {driver", "  sea.flow: {driver", 13, "sources.sea.flow", "'sea.flow' is not a name"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "said"), MISTAKES, ids=[f"{m[3]}-{i}" for i, m in enumerate(MISTAKES)]
)
def test_each_mistake_is_told_where_it_stands(catalog, tmp_path, old, new, line, key, said):
    path = catalog(change(old, new))
    found = {problem.key: problem for problem in problems(path, data=tmp_path)}
    assert key in found, "\n".join(map(str, found.values()))
    assert found[key].line == line
    assert said in str(found[key])
    assert str(found[key]).startswith(f"{path}:{line}: {key}: ")


def test_one_mistake_is_told_once(catalog, tmp_path):
    for old, new, *_ in MISTAKES:
        found = [p for p in problems(catalog(change(old, new)), data=tmp_path) if "twice" not in p.message]
        assert len({(problem.line, problem.key) for problem in found}) == len(found)


def test_open_cruise_lists_what_check_lists(catalog, tmp_path):
    text = GOOD
    for old, new, *_ in (
        ("ship:", "shipp:"),
        ("view: cytogram", "view: cytogran"),
        ("reduce: last", "reduce: lst"),
        ("reader: nmea_log", "reader: nmea_lgo"),
        ("every: 1s", "evry: 1s"),
    ):
        text = text.replace(old, new, 1)
    path = catalog(text)
    found = problems(path, data=tmp_path)
    assert len(found) == 4  # of a reader nobody knows, no option is known
    assert [problem.line for problem in found] == sorted(problem.line for problem in found)
    with pytest.raises(CatalogError) as caught:
        open_cruise(path, data=tmp_path)
    assert list(caught.value.problems) == found


def test_a_picture_may_have_several_mistakes(catalog, tmp_path):
    text = change("{view: cytogram, source: seaflow, x", "{view: cytogran, source: seaflw, x")
    assert [problem.key for problem in problems(catalog(text), data=tmp_path)] == [
        "metadata.board.2.source", "metadata.board.2.view",
    ]  # fmt: skip


def test_the_root_of_the_data_must_be_said(catalog, tmp_path, monkeypatch):
    (problem,) = problems(catalog(GOOD))
    assert (problem.line, problem.key) == (14, "sources.sfl.args.url")
    assert "$WORKBENCH_DATA, which is not set; give --data DIR" in problem.message
    monkeypatch.setenv("WORKBENCH_DATA", str(tmp_path))
    assert not problems(catalog(GOOD))


@pytest.mark.parametrize(
    "text", ["", "# nothing", "[]", "3", "metadata: []\nsources: []", "metadata:\nsources:\n", "sources: {}", "x"]
)
def test_what_is_no_catalog_at_all(catalog, text):
    assert problems(catalog(text))


def test_no_file():
    (problem,) = problems("nowhere.yaml")
    assert str(problem) == "nowhere.yaml: file: there is no such file"


def test_what_is_not_there_yet_is_a_remark(catalog, tmp_path):
    (tmp_path / "underway").mkdir()
    path = catalog(GOOD)
    found = remarks(path, data=tmp_path)
    assert [problem.key for problem in found] == [
        "sources.seaflow.args.url",
        "sources.sfl.args.url",
        "sources.underway.args.url",
    ] or len(found) == 3
    assert any("no such file or folder; right if it comes later" in problem.message for problem in found)
    assert any("holds no file that nmea_log reads" in problem.message for problem in found)
    assert not problems(path, data=tmp_path)
    assert open_cruise(path, data=tmp_path)
    (tmp_path / "underway" / "gps.txt").write_text("")
    told = [problem.message for problem in remarks(path, data=tmp_path) if "underway" in problem.key]
    assert len(told) == 1 and "/underway/*: 1 file, such as gps.txt, none named" in told[0]


def test_control_characters_do_not_reach_the_terminal(catalog):
    (problem, *_) = problems(catalog('"\\e[31mred": 1\nmetadata: {cruise: {id: x}}\nsources: {}'))
    assert "\x1b" not in str(problem)


def test_a_third_partys_view_and_its_faults(catalog, tmp_path, monkeypatch):
    from tests.catalog.small import Point
    from workbench.core import plugins

    class View:
        options = {"wind": "which wind"}  # noqa: RUF012

    class Broken:
        def load(self):
            raise ImportError("no such thing")

    views = plugins._registered("workbench.views")
    monkeypatch.setitem(views, "wind_rose", Point(View))
    monkeypatch.setitem(views, "broken", Broken())
    text = change(
        "    - {view: files, source: seaflow}",
        "    - {view: wind_rose, wind: x}\n    - {view: wind_rose, wnd: x}\n    - {view: broken}",
    )
    found = problems(catalog(text), data=tmp_path)
    assert ["did you mean 'wind'?" in str(found[0]), "cannot be imported (ImportError" in str(found[1])] == [True, True]
    assert len(found) == 2


def test_an_engine_that_is_no_reader_is_refused(catalog, tmp_path, monkeypatch):
    from tests.catalog.small import Point
    from workbench.core import plugins

    monkeypatch.setitem(plugins._registered("xarray.backends"), "zarr_like", Point(dict))
    (problem,) = problems(catalog(change("reader: nmea_log", "reader: zarr_like")), data=tmp_path)
    assert "not a reader of the workbench" in problem.message


def test_a_variable_that_only_the_files_name(catalog, tmp_path):
    text = """\
metadata:
  cruise: {id: x}
  kpis: {w: {source: met, variable: wind_speed, unit: kn}, v: {source: met, variable: wind_sped}}
sources:
  met: {driver: workbench, args: {reader: tsdata, url: "{{ CATALOG_DIR }}/met"}}
"""
    assert problems(catalog(text)) == []  # nothing is there yet: nobody can tell
    (tmp_path / "met").mkdir()
    (tmp_path / "met" / "a.tsdata").write_text(
        "met\nX1\nwind\nNA\tNA\ntime\tfloat\nNA\tm/s\ntime\twind_speed\n2020-01-01T00:00:00Z\t5\n"
    )
    (problem,) = problems(catalog(text))
    assert "did you mean 'wind_speed'?" in str(problem)
    assert open_cruise(catalog(text.replace("wind_sped", "wind_speed")))["met"].variables()["wind_speed"].unit == "m/s"
