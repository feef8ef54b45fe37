"""Device profiles: each file is whole and plausible, and no unsure figure looks like a sure one."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from edgeyolo import locations
from edgeyolo.cli.commands.profiles import command
from edgeyolo.device.engine import engine_names
from edgeyolo.errors import ConfigError, UsageError
from edgeyolo.profiles import (
    DeviceProfile,
    Span,
    Sureness,
    load_profile,
    profile_names,
    read_profile,
)

FOLDER = Path(__file__).parents[2] / "profiles"
OLDEST_PYTHON = (3, 10)  # requires-python of pyproject.toml
SAMPLE = yaml.safe_load((FOLDER / "raspberry-pi-4.yaml").read_text())


@pytest.fixture(params=profile_names())
def profile(request: pytest.FixtureRequest) -> DeviceProfile:
    """Every profile there is; a new file gets all tests that use this."""
    return load_profile(request.param)


def _show(*arguments: str) -> str:
    result = CliRunner().invoke(command, arguments)
    assert result.exception is None, result.exception
    return result.output


def _paths(value: Any) -> Iterator[tuple[str | int, ...]]:
    below = value.items() if isinstance(value, dict) else enumerate(value)
    for key, entry in below:
        yield (key,)
        if isinstance(entry, (dict, list)):
            yield from ((key, *path) for path in _paths(entry))


def _read(tmp_path: Path, table: Any) -> DeviceProfile:
    path = tmp_path / "board.yaml"
    path.write_text(yaml.safe_dump(table, sort_keys=False))
    return read_profile(path)


def _changed(path: tuple[str | int, ...], value: Any) -> Any:
    table = copy.deepcopy(SAMPLE)
    block = table
    for key in path[:-1]:
        block = block[key]
    block[path[-1]] = value
    return table


# The files


def test_every_file_is_a_profile() -> None:
    assert profile_names() == sorted(path.stem for path in FOLDER.glob("*.yaml"))
    assert len(profile_names()) >= 8


def test_titles_and_names_are_unique_and_plain(profile: DeviceProfile) -> None:
    assert profile.name == profile.name.lower().replace(" ", "-").replace("_", "-")
    assert [load_profile(name).title for name in profile_names()].count(profile.title) == 1


def test_clocks_are_plausible(profile: DeviceProfile) -> None:
    for condition, clock in profile.clocks.items():
        assert 500 <= clock.mhz <= 4000
        assert 1 <= profile.active_cores(condition) <= profile.cores.count


def test_fp16_is_calculated_where_the_isa_has_it(profile: DeviceProfile) -> None:
    flop = profile.flop_per_cycle
    assert (flop.fp16 is not None) == profile.isa.fp16
    assert flop.fp16 in (None, flop.fp32.times(2))
    assert 2 <= flop.fp32.low <= flop.fp32.high <= 64
    assert (profile.peak_gflops("fp16", profile.default_clock) is None) != profile.isa.fp16


def test_bandwidth_and_memory_are_plausible(profile: DeviceProfile) -> None:
    memory = profile.memory
    assert list(memory.mb) == sorted(memory.mb)
    assert all(mb % 512 == 0 for mb in memory.mb)
    for measured in memory.measured_mb_s.values():
        assert 100 < measured.high < memory.theoretical_mb_s.high


def test_caches_grow_with_their_level(profile: DeviceProfile) -> None:
    sizes = [
        cache.kb * (profile.cores.count if cache.per == "core" else 1)
        for _, cache in sorted(profile.caches.items())
    ]
    assert list(profile.caches) == ["L1d", "L1i", "L2", "L3"][: len(sizes)]
    assert all(sizes[0] <= size for size in sizes)


def test_every_engine_is_spoken_of(profile: DeviceProfile) -> None:
    assert set(profile.engines) == set(engine_names()) - {"null"}
    for name, engine in profile.engines.items():
        wheels = [name in system.wheels for system in profile.systems.values()]
        assert any(wheels) if engine.available else engine.note


def test_a_system_with_a_too_old_python_says_so(profile: DeviceProfile) -> None:
    for system in profile.systems.values():
        version = tuple(int(part) for part in system.python.split("."))
        assert version >= OLDEST_PYTHON or "too old" in system.note
        assert set(system.wheels) <= set(profile.engines)


def test_thermals_rise(profile: DeviceProfile) -> None:
    degrees = [trip.celsius for trip in profile.thermals]
    assert degrees == sorted(set(degrees))
    assert all(40 <= value <= 125 for value in degrees)


def test_a_csi_and_a_usb_camera_have_a_reader(profile: DeviceProfile) -> None:
    assert set(profile.cameras) == {"csi", "usb"}


# What is calculated from them


@pytest.mark.parametrize(
    ("name", "condition", "fp32", "fp16"),
    [
        ("raspberry-pi-zero-2w", "default", Span(16, 32), None),
        ("raspberry-pi-4", "default", Span(48, 48), None),
        ("raspberry-pi-5", "default", Span(153.6, 153.6), Span(307.2, 307.2)),
        ("jetson-nano", "5W", Span(14.7, 14.7), None),  # two of the four cores
        ("jetson-orin-nx-16gb", "MAXN", Span(256, 256), Span(512, 512)),
    ],
)
def test_peak(name: str, condition: str, fp32: Span, fp16: Span | None) -> None:
    profile = load_profile(name)
    assert profile.peak_gflops("fp32", condition) == fp32
    assert profile.peak_gflops("fp16", condition) == fp16


def test_the_super_is_slower_in_its_default_mode_than_in_15w() -> None:
    clocks = load_profile("jetson-orin-nano-super").clocks
    assert next(iter(clocks)) == "25W"
    assert clocks["25W"].mhz < clocks["15W"].mhz


def test_source_is_the_nearest_one_above() -> None:
    profile, block = load_profile("raspberry-pi-4"), "memory.measured_mb_s"
    assert profile.source(f"{block}.STREAM copy") == profile.sources[f"{block}.STREAM copy"]
    assert profile.source(f"{block}.sbc-bench copy, one core") == profile.sources[block]
    assert profile.source("clocks.default") == profile.sources["clocks"]


def test_a_block_is_as_sure_as_the_least_sure_figure_in_it(tmp_path: Path) -> None:
    table = copy.deepcopy(SAMPLE)
    del table["sources"]["cores"]
    table["sources"] |= {"cores.count": "derived", "cores.name": "stated by A"}
    profile = _read(tmp_path, table)
    assert profile.sureness("cores") is Sureness.DERIVED
    assert profile.sureness("cores.name") is Sureness.STATED
    assert profile.sureness("memory") is Sureness.UNCHECKED
    assert profile.sureness("caches.L2.kb") is Sureness.STATED
    assert profile.sureness("memory.measured_mb_s") is Sureness.DERIVED
    assert profile.sureness("memory.measured_mb_s.STREAM copy") is Sureness.DERIVED
    assert profile.sureness("memory.measured_mb_s.sbc-bench fill, one core") is Sureness.STATED


@pytest.mark.parametrize(
    ("flop", "clock", "peak"),
    [
        ("stated by A", "stated by B", Sureness.DERIVED),
        ("stated by A", "commonly stated, not checked", Sureness.UNCHECKED),
        ("commonly stated, not checked", "stated by B", Sureness.UNCHECKED),
    ],
)
def test_a_peak_is_no_surer_than_its_factors(
    tmp_path: Path, flop: str, clock: str, peak: Sureness
) -> None:
    table = copy.deepcopy(SAMPLE)
    table["sources"] |= {"flop_per_cycle": flop, "clocks.default": clock}
    assert _read(tmp_path, table).peak_sureness("default") is peak


# Files that are not as they should be


def test_sample_is_read_before_it_is_broken(tmp_path: Path) -> None:
    assert _read(tmp_path, SAMPLE).name == "board"


@pytest.mark.parametrize("path", list(_paths(SAMPLE)), ids=lambda path: ".".join(map(str, path)))
@pytest.mark.parametrize("wrong", [None, {"wrong": 1}], ids=repr)
def test_wrong_kind_is_refused(tmp_path: Path, path: tuple[str | int, ...], wrong: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        _read(tmp_path, _changed(path, wrong))
    assert "board.yaml" in caught.value.message
    assert str(path[0]) in caught.value.message


@pytest.mark.parametrize(
    ("path", "wrong", "wanted"),
    [
        (("cores", "count"), True, "cores.count is True, which is not a whole number above 0"),
        (("cores", "count"), 4.0, "cores.count is 4.0, which is not a whole number above 0"),
        (("soc",), "", "soc is '', which is not a text"),
        (("clocks",), {}, "clocks is {}, which is not a block of names and values"),
        (("clocks", "default"), [], "clocks.default is [], which is not a block of keys"),
        (("thermals",), [], "thermals is [], which is not a list"),
        (("thermals", 0, "celsius"), -1, "thermals.celsius is -1, which is not a number above 0"),
        (("isa", "fp16"), "no", "isa.fp16 is 'no', which is not true or false"),
        (("memory", "theoretical_mb_s"), [2, 1], "is [2, 1], which is not a number or [low, high]"),
        (("memory", "theoretical_mb_s"), float("nan"), "is nan, which is not a number above 0"),
        (("caches", "L2", "per"), "board", "caches.L2.per is 'board', which is not core or chip"),
        (
            ("sources", "soc"),
            "a friend",
            "sources.soc is 'a friend', which is not 'stated by …' or",
        ),
    ],
)
def test_refusal_says_what_is_wanted(
    tmp_path: Path, path: tuple[str | int, ...], wrong: Any, wanted: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        _read(tmp_path, _changed(path, wrong))
    assert wanted in caught.value.message


def test_a_python_version_without_quotes_is_refused(tmp_path: Path) -> None:
    name = next(iter(SAMPLE["systems"]))
    with pytest.raises(ConfigError, match=r"python is 3\.1, which is not a text"):
        _read(tmp_path, _changed(("systems", name, "python"), 3.10))


@pytest.mark.parametrize(
    ("path", "near"),
    [
        (("memry",), "memory"),
        (("name",), ""),  # the file name is the name
        (("memory", "knd"), "memory.kind"),
        (("caches", "L2", "kbyte"), "caches.L2.kb"),
        (("sources", "memory.knd"), "memory.kind"),
        (("sources", "clocks.turbo"), "clocks"),
    ],
)
def test_unknown_key_is_refused(tmp_path: Path, path: tuple[str, ...], near: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _read(tmp_path, _changed(path, "stated by nobody"))
    assert "board.yaml" in caught.value.message
    assert path[-1] in caught.value.message
    assert near in caught.value.hint


@pytest.mark.parametrize("key", [key for key in SAMPLE if key not in ("notes", "latency")])
def test_missing_key_is_refused(tmp_path: Path, key: str) -> None:
    table = {name: entry for name, entry in SAMPLE.items() if name != key}
    with pytest.raises(ConfigError) as caught:
        _read(tmp_path, table)
    assert f"board.yaml has no key {key!r}." in caught.value.message


@pytest.mark.parametrize("key", [key for key in SAMPLE["sources"] if "STREAM" not in key])
def test_a_figure_without_a_source_is_refused(tmp_path: Path, key: str) -> None:
    table = copy.deepcopy(SAMPLE)
    del table["sources"][key]
    with pytest.raises(ConfigError) as caught:
        _read(tmp_path, table)
    assert f"has no source for '{key}" in caught.value.message


def test_a_source_does_not_cover_what_only_begins_like_its_key(tmp_path: Path) -> None:
    table = copy.deepcopy(SAMPLE)
    table["clocks"]["default, cooled"] = {"mhz": 2000}
    table["sources"]["clocks.default"] = table["sources"].pop("clocks")
    with pytest.raises(ConfigError, match=r"no source for 'clocks\.arm_boost"):
        _read(tmp_path, table)
    del table["clocks"]["arm_boost=1 on revision 1.4 or later, and Pi 400"]
    with pytest.raises(ConfigError, match=r"no source for 'clocks\.default, cooled"):
        _read(tmp_path, table)


@pytest.mark.parametrize("text", ["a: [1\nb: 2", "\xff", "", "- a", "just words"])
def test_what_is_no_profile_at_all_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "board.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"board\.yaml"):
        read_profile(path)


@pytest.mark.parametrize(
    ("wrong", "near"), [("raspberry-pi5", "raspberry-pi-5"), ("JETSON NANO", "jetson-nano")]
)
def test_unknown_profile_names_the_nearest(wrong: str, near: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_profile(wrong)
    assert wrong in caught.value.message
    assert repr(near) in caught.value.hint


# Where they are found


def test_found_in_an_installed_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages" / "edgeyolo"
    (package / "_profiles").mkdir(parents=True)
    (package / "_profiles" / "mine.yaml").write_text(yaml.safe_dump(SAMPLE, sort_keys=False))
    monkeypatch.setattr(locations, "_PACKAGE", package)
    assert profile_names() == ["mine"]
    assert load_profile("mine").name == "mine"


def test_a_folder_that_only_lies_beside_the_package_is_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "theirs.yaml").write_text("")
    monkeypatch.setattr(locations, "_PACKAGE", tmp_path / "edgeyolo")
    assert profile_names() == []
    with pytest.raises(UsageError, match="no profiles"):
        load_profile("theirs")


# What is shown


def test_table_has_a_row_for_every_board_in_100_columns() -> None:
    lines = _show().splitlines()
    assert [line.split()[0] for line in lines[1 : 1 + len(profile_names())]] == profile_names()
    assert max(map(len, lines)) <= 100


def test_table_marks_what_is_unsure(profile: DeviceProfile) -> None:
    (row,) = (line for line in _show().splitlines() if line.split()[:1] == [profile.name])
    words = row.split()
    condition = profile.default_clock
    bandwidth = profile.memory.theoretical_mb_s.times(1e-3)
    mark = profile.sureness("memory.theoretical_mb_s").mark
    assert f"{bandwidth}{mark}" == words[-2]
    peak = profile.peak_gflops("fp32", condition)
    assert f"{peak}{profile.peak_sureness(condition).mark}" in words


def test_marks_are_told_apart() -> None:
    assert len({sureness.mark for sureness in Sureness}) == len(Sureness)
    assert not Sureness.STATED.mark
    assert "64*: derived" in _show()
    assert "64?: commonly stated, not checked" in _show()


def test_card_tells_everything(profile: DeviceProfile) -> None:
    card = " ".join(_show(profile.name).split())
    facts = [profile.title, profile.soc, profile.cores.name, *profile.systems, *profile.notes]
    facts += [source.text for source in profile.sources.values()]
    facts += [engine.note for engine in profile.engines.values()]
    facts += [version for engine in profile.engines.values() for version in engine.avoid]
    facts += [trip.effect for trip in profile.thermals]
    facts += [f"{clock.mhz}" for clock in profile.clocks.values()]
    facts += [f"{speed}" for speed in profile.memory.measured_mb_s.values()]
    assert [fact for fact in facts if " ".join(fact.split()) not in card] == []
    assert all(len(line) <= 100 for line in _show(profile.name).splitlines())


def test_card_marks_one_unsure_figure_among_sure_ones() -> None:
    card = _show("raspberry-pi-4")
    assert "12800? MB/s in theory" in card
    assert "5500* MB/s measured (STREAM copy)" in card
    assert "2240-2580 MB/s measured (sbc-bench copy, one core)" in card


def test_json_is_for_programs(profile: DeviceProfile) -> None:
    values = json.loads(_show(profile.name, "--json"))
    assert values == json.loads(json.dumps(profile.to_dict()))
    assert values["memory"]["theoretical_mb_s"]["high"] == profile.memory.theoretical_mb_s.high
    assert set(values["peak_gflops"]) == set(profile.clocks)
    assert {source["sureness"] for source in values["sources"].values()} <= {
        "stated",
        "derived",
        "unchecked",
    }


def test_json_without_a_name_lists_all() -> None:
    assert [values["name"] for values in json.loads(_show("--json"))] == [*profile_names(), "host"]
