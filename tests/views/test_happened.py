"""What happened as marks: faults and pauses from the log, files with a flag or taken out, each with its words."""

from __future__ import annotations

import numpy as np
import xarray as xr

from workbench.core.window import Window
from workbench.views.by_file import ByFile
from workbench.views.happened import KINDS, Happened, columns, inside, legend, of_files, of_log, of_notes, of_refused
from workbench.views.series import Mark

T0 = np.datetime64("2024-05-01T00:00:00", "ns")
NAT = np.datetime64("NaT", "ns")


def at(minute: float) -> np.datetime64:
    return T0 + np.timedelta64(round(minute * 60e9), "ns")


def log(*events: tuple[float, str, float, str]) -> xr.Dataset:
    time, kinds, values, texts = zip(*events, strict=True)
    return xr.Dataset(
        {"event": ("time", list(kinds)), "value": ("time", list(values)), "message": ("time", list(texts))},
        {"time": [at(m) for m in time]},
    )


def test_faults_are_moments_and_pauses_are_spans() -> None:
    found = of_log(
        log(
            (0, "PMT1", 0.9, "PMT1:0.9"), (1, "write_evt", 0, "write evt: 0"), (2, "pump_fault", np.nan, "pump over 12"),
            (3, "write_evt", 0, "write evt: 0"), (5, "write_evt", 1, "write evt: 1"), (6, "write_evt", 1, "write evt: 1"),
            (9, "write_evt", 0, "write evt: 0"),
        )
    )  # fmt: skip
    told = [(one.kind, one.start, one.stop) for one in found]
    assert told[:2] == [("write_off", at(1), at(5)), ("pump_fault", at(2), at(2))]
    assert told[2][:2] == ("write_off", at(9))
    assert np.isnat(told[2][2])
    assert "pump over 12" in found[1].text


def test_a_log_without_events_is_quiet() -> None:
    assert of_log(xr.Dataset()) == []


def test_a_file_taken_out_says_why_and_is_not_told_twice() -> None:
    files = ByFile(
        np.array([at(0), at(3), at(6)]), np.array(["a", "b", "c"], object), {"file_flag": np.array([0, 2, 2.0])}, {2: "too many"}
    )  # fmt: skip
    found = of_files(files, {"b": "bubbles (Ginger)", "gone": "never seen"})
    assert [(one.kind, one.text) for one in found] == [
        ("excluded", "b taken out: bubbles (Ginger)"), ("flagged", "c: too many"),
    ]  # fmt: skip


def test_only_what_touches_the_window_is_drawn() -> None:
    found = [
        Happened("pump_fault", at(0), at(0), "before"), Happened("pump_fault", at(10), at(10), "in"),
        Happened("write_off", at(2), at(7), "into it"), Happened("write_off", at(0), at(3), "over"),
        Happened("write_off", at(12), NAT, "goes on"), Happened("inlet_fault", at(20), at(20), "after"),
    ]  # fmt: skip
    window = Window(at(5), at(20))
    assert [one.text for one in inside(found, window)] == ["in", "into it", "goes on"]
    drawn = columns(found, window, at(15))
    assert drawn["faults"]["text"].tolist() == ["in"]
    assert drawn["spans"]["right"].tolist() == [t.astype(np.int64) / 1e6 for t in (at(7), at(15))]
    told = {str(one["kind"]): one["count"] for one in legend(found, window)}
    assert told == {"inlet_fault": 0, "pump_fault": 1, "write_off": 2}, "a kind that ever happened stays in the legend"


def test_every_kind_has_a_sign_of_its_own() -> None:
    signs = [kind.sign or kind.group for kind in KINDS.values()]
    assert len(set(signs)) == len(signs)


def test_notes_are_marks() -> None:
    assert [one.text for one in of_notes([Mark(at(1), "all well", "Ginger"), Mark(NAT, "lost")])] == [
        "all well (Ginger)"
    ]


def test_a_broken_file_is_marked_where_its_name_says_and_tells_why() -> None:
    found = of_refused(
        [
            "/data/2024_122/2024-05-01T00-06-00+00-00.gz: ends early at byte 7: expected 8",
            "/data/2024_122/2024-05-01T01-00-00+01-00: no room for a header",
            "/data/notes.txt: no particles",
            "/data/vct/2024-05-01T00-00-00+00-00.1H.vct.parquet: cut",
            "",
        ]
    )
    assert [(one.kind, one.start, one.stop) for one in found] == [("refused", at(0), at(0)), ("refused", at(6), at(6))]
    assert found[1].text == "2024_122/2024-05-01T00-06-00+00-00 cannot be read: ends early at byte 7: expected 8"
    assert KINDS["refused"].group == "files"
