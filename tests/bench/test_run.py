import json
from pathlib import Path

import pytest

from bench.report import Target
from bench.run import UnreadableRunError, read
from tests.bench.runs import row, run_of


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    run = run_of({"read": [row("a", 1.2, 0.1, Target("≤", 1.25))], "rent": [row("b", 2.0)]})
    run.write(tmp_path / "run.json")

    assert read(tmp_path / "run.json") == run
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_the_file_says_what_others_look_for(tmp_path: Path) -> None:
    run_of({"read": [row("a", 1.25, 0.25, Target("≤", 1.25)), row("b", 1.0)]}).write(
        tmp_path / "run.json"
    )
    written = json.loads((tmp_path / "run.json").read_text())

    assert written["format"] == 1
    assert written["rounds"] == 7
    assert set(written["machine"]) == {"cores", "processor", "system", "python", "libraries"}
    assert written["benches"]["read"]["noise"] == {"rounds": 0.01, "others": 0.0, "stolen": 0.0}
    first, second = written["rows"]
    assert first["target"] == {"sign": "≤", "limit": 1.25}
    assert (first["met"], first["low"], first["unit"]) == (True, 1.0, "x")
    assert (second["target"], second["met"]) == (None, None)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "No such file"),
        (b"", "Invalid JSON"),
        (b"| a | table |", "Invalid JSON"),
        (b"[]", "should be an object"),
        (b'{"format": 2}', "format"),
        (b"\xff\xfe{", "Invalid JSON"),
    ],
)
def test_a_file_without_a_run_is_refused_with_the_way_out(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    path = tmp_path / "run.json"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(UnreadableRunError, match=why) as refused:
        read(path)
    assert str(path) in str(refused.value)
    assert "--json" in str(refused.value)


def test_a_run_of_which_a_field_is_wrong_names_the_field(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    run_of({"read": [row("a", 1.2)]}).write(path)
    path.write_text(path.read_text().replace('"median": 1.2', '"median": "fast"'))

    with pytest.raises(UnreadableRunError, match=r"rows\.0\.median"):
        read(path)
