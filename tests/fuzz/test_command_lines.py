"""`segment` with whatever is typed: the shares are met and the clicks kept, or one sentence."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from napari_vslp import cli
from napari_vslp.demo import tumour_nest
from tests.fuzz.harness import Refused, end_of, end_of_command, folder, fuzz

SIDE = 24
QUICK = ("--no-augmentation", "--no-cache", "--tolerance", "0.05")


@pytest.fixture(scope="module")
def tissue(tmp_path_factory) -> Path:
    """Return a piece of real tissue with an edge in it."""
    folder = tmp_path_factory.mktemp("tissue")
    path = folder / "nest.png"
    Image.fromarray(tumour_nest().image[100 : 100 + SIDE, 60 : 60 + SIDE]).save(path)
    # What is compiled and loaded once must not count against the first case's time.
    two = ["--tissue", "a=50±50", "--tissue", "b=?", "--quiet"]
    for backend in ("numba", "torch"):
        out = ["--out", str(folder / backend), "--backend", backend]
        assert cli.main(["segment", str(path), *two, *QUICK, *out]) == 0
    return path


NAMES = ("gland", "other", "Drüse", "CD3:pos", "肿瘤", "a b", "stroma (µ)", "x,y")


@dataclass(frozen=True)
class Asked:
    """Tissues with per cent that fit together, clicks and a region that hold what they should."""

    shares: dict[str, tuple[int | None, int]]
    clicks: dict[tuple[int, int], str]
    region: tuple[int, int, int, int] | None
    form: str
    trust: str
    more: tuple[str, ...]

    def words(self) -> list[str]:
        """Return what is typed."""
        words = []
        for name, (value, half) in self.shares.items():
            share = "?" if value is None else f"{value}{f'{self.form}{half}' if half else ''}"
            words += ["--tissue", f"{name}={share}"]
        for (row, column), name in self.clicks.items():
            words += ["--click", f"{name}:{row},{column}"]
        if self.region is not None:
            words += ["--region", ",".join(map(str, self.region))]
        return [*words, "--trust", self.trust, *self.more]


@st.composite
def asked(draw) -> Asked:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=2, max_size=4, unique=True))
    cuts = sorted(draw(st.lists(st.integers(0, 100), min_size=len(names) - 1, max_size=3)))
    cuts = [0, *cuts[: len(names) - 1], 100]
    values = [high - low for low, high in itertools.pairwise(cuts)]
    halves = draw(st.lists(st.sampled_from([0, 5, 20]), min_size=4, max_size=4))
    shares: dict[str, tuple[int | None, int]] = {
        name: (value, half) for name, value, half in zip(names, values, halves, strict=False)
    }
    if draw(st.booleans()):
        shares[names[0]] = (None, 0)
    edges = st.integers(0, SIDE)
    rows, columns = (sorted(draw(st.tuples(edges, edges))) for _ in "rc")
    region = (rows[0], columns[0], rows[1], columns[1])
    empty = rows[0] == rows[1] or columns[0] == columns[1]
    pixel = st.tuples(st.integers(0, SIDE - 1), st.integers(0, SIDE - 1))
    options = ["--no-edges", "--no-colours", "--tissue-only", "--backend=numba", "--backend=torch"]
    options += ["--smoothness=0", "--smoothness=8", "--pixel-size=0.5,0.25", "--seed=7", "--json"]
    return Asked(
        shares,
        draw(st.dictionaries(pixel, st.sampled_from(names), max_size=4)),
        None if empty or draw(st.booleans()) else region,
        draw(st.sampled_from(["±", "+-", "+/-", " ± "])),
        draw(st.sampled_from(["interval", "interval", "none", "robust", "quadratic", "kl"])),
        tuple(draw(st.lists(st.sampled_from(options), max_size=2, unique_by=lambda o: o[:9]))),
    )


@fuzz("command lines that fit")
@given(asked())
def test_what_fits_together_is_met(tissue, one):
    with folder() as place:
        out = place / "out"
        words = ["segment", tissue, *one.words(), *QUICK, "--out", out]
        done = end_of_command(*words)
        if done.status == 2:
            assert not list(out.glob("*")), "refused, but something was written"
            assert not done.out
            # Clicks alone may be more than a share, and a region all white.
            assert re.search("already painted|white background only", done.err), done
            return
        _check_result(one, out, done.out)


def _check_result(one: Asked, out: Path, printed: str) -> None:
    told = json.loads((out / "summary.json").read_text("utf-8"))
    assert ("--json" in one.more) == printed.startswith("{")
    mask = tifffile.imread(out / "mask.tif")
    assert mask.shape == (SIDE, SIDE)
    top, left, bottom, right = one.region or (0, 0, SIDE, SIDE)
    inside = mask[top:bottom, left:right]
    assert np.count_nonzero(mask) == np.count_nonzero(inside), "something outside the region"
    white = "--tissue-only" in one.more
    counts = np.bincount(inside.ravel(), minlength=len(one.shares) + 1)
    assert len(counts) == len(one.shares) + 1
    assert white or counts[0] == 0
    area = counts[1:].sum()
    said = " ".join(told["notes"])
    for (row, column), name in one.clicks.items():
        if top <= row < bottom and left <= column < right:
            left_out = white and mask[row, column] == 0 and "on white background" in said
            assert left_out or mask[row, column] == list(one.shares).index(name) + 1
    for count, (name, (value, half)) in zip(counts[1:], one.shares.items(), strict=True):
        assert abs(told["reached"][name] - count / area) < 1e-9
        if value is None or one.trust != "interval":
            continue
        # No share is met to less than a pixel.
        low, high = value - half, value + half
        met = low / 100 * area - 1 <= count <= high / 100 * area + 1
        assert met, f"{name}: {count} of {area} px, asked {low} to {high} %"


WORDS = st.one_of(
    st.text(max_size=12),
    st.from_regex(r"[a-zé]{0,3}\s?=\s?[0-9.,+±/%?-]{0,9}", fullmatch=True),
    st.from_regex(r"[a-z:]{0,4}:?-?[0-9.e]{0,9},-?[0-9.]{0,9}", fullmatch=True),
    st.from_regex(r"(-?[0-9]{1,4},?){0,5}", fullmatch=True),
    st.sampled_from(
        ["nan", "inf", "-1", "1e999", "0", "", " ", "٣", "½", "1_0", "0x10", "\n", "\0"]
    ),
)
# Whatever is typed must be a string that a system can pass on; a zero byte never is.
FLAGS = st.sampled_from(
    [
        "--tissue",
        "--click",
        "--region",
        "--pixel-size",
        "--smoothness",
        "--trust",
        "--trust-strength",
        "--tolerance",
        "--max-iterations",
        "--seed",
        "--device",
        "--backend",
        "--encoder",
        "--regulariser",
        "--write",
        "--out",
        "--nonsense",
        "",
    ]
)


USUAL = st.sampled_from(
    [
        ("--click", "a:3,4"),
        ("--click", " b : 5.5 , 0"),
        ("--region", "0,0,20,9"),
        ("--pixel-size", "0.5"),
        ("--smoothness", "auto"),
        ("--trust", "kl"),
        ("--max-iterations", "1"),
        ("--seed", f"{2**63 - 1}"),
        ("--write", "mask.png"),
        ("--tissue", "c=?"),
    ]
)
TYPED = st.one_of(st.tuples(FLAGS, WORDS), USUAL)


@fuzz("command lines of any words")
@given(st.lists(TYPED, min_size=1, max_size=3), st.sampled_from([True, True, True, False]))
def test_any_words_end_in_a_result_or_a_sentence(tissue, more, complete):
    with folder() as place:
        words: list[object] = ["segment", tissue]
        if complete:
            words += ["--tissue", "a=50±50", "--tissue", "b=50±50", "--out", place / "out"]
        for flag, word in more:
            typed = f"{place}/{word.replace('/', '_')}" if flag == "--out" else word
            words += [f"{flag}={typed}"] if flag else [typed]
        done = end_of_command(*words, *QUICK)
        if done.status == 2:
            assert not done.out


COMMANDS = st.sampled_from(
    ["demo", "segment", "replay", "regulariser", "train", "evaluate", "models", "cache", "list"]
)


@fuzz("other commands")
@given(COMMANDS, st.lists(st.one_of(WORDS, FLAGS), max_size=3))
def test_other_commands_with_any_words_end_in_a_sentence(command, words):
    with folder() as place:
        plain = [w for w in words if "\0" not in w and w != "--nonsense"]
        if command == "demo":
            plain += ["--nonsense"]  # a demo that runs takes long
        if "--out" in plain:
            plain[plain.index("--out")] = f"--out={place / 'out'}"
        end_of_command(command, *plain)


@fuzz("outputs in the way")
@given(
    st.sampled_from(["file", "folder", "input", "link", "read", "deep", "name", "pipe"]),
    st.sampled_from(["mask.tif", "mask.png", "overlay.png", "summary.json", ".napari-vslp.json"]),
)
def test_a_result_never_takes_the_place_of_what_is_the_users(tissue, way, name):
    with folder() as place:
        out = place / "out"
        out.mkdir()
        own = name == ".napari-vslp.json"  # which nobody else can mean
        if own and way in {"file", "input", "link"}:
            name = "mask.tif"
        kept = _put(way, name, out, tissue)
        image = out / name if way == "input" else tissue
        words = ["segment", image, "--tissue", "a=50±50", "--tissue", "b=?", *QUICK, "--quiet"]
        target = out / ("x" * 300 if way == "name" else "a/b/c" if way == "deep" else "")
        done = end_of_command(*words, "--out", target)
        waited_for = own and way == "pipe"
        assert done.status == 2 or way in {"read", "deep"} or waited_for
        for path, content in kept.items():
            assert path.read_bytes() == content
        assert way != "folder" or (out / name).is_dir()


def _put(way: str, name: str, out: Path, tissue: Path) -> dict[Path, bytes]:
    path = out / name
    if way == "folder":
        path.mkdir()
    elif way == "link":
        path.symlink_to("nowhere")
    elif way == "pipe":
        import os

        os.mkfifo(path)
    elif way in {"file", "input"}:
        path.write_bytes(tissue.read_bytes() if way == "input" else b"mine")
        return {path: path.read_bytes()}
    elif way == "read":
        (out / "notes.txt").write_bytes(b"mine")
        return {out / "notes.txt": b"mine"}
    return {}


NUMBERS = st.one_of(st.integers(-3, 120), st.floats(), st.none(), st.sampled_from(["60±5", "?"]))
NAMED = st.one_of(st.sampled_from(["gland", "other", "", "gland ", 3, None]), st.text(max_size=4))
TISSUES = st.one_of(
    st.dictionaries(NAMED, st.one_of(NUMBERS, st.tuples(NUMBERS, NUMBERS)), max_size=3),
    st.lists(st.tuples(NAMED, NUMBERS), max_size=3),
    st.lists(st.text(max_size=8), max_size=3),
    st.fixed_dictionaries({"gland": NUMBERS, "other": NUMBERS}),
    st.just({"gland": "60±40", "other": "40±40"}),
    st.none(),
    st.integers(),
)
PLACES = st.one_of(st.integers(-2, 30), st.floats(), st.none(), st.text(max_size=2))
CLICKS = st.one_of(
    st.lists(st.tuples(st.sampled_from(["gland", "other"]), PLACES, PLACES), max_size=2),
    st.lists(st.one_of(st.text(max_size=6), st.none(), st.tuples(PLACES)), max_size=2),
    st.dictionaries(
        st.sampled_from(["gland", "x"]), st.lists(st.tuples(PLACES, PLACES)), max_size=1
    ),
    st.one_of(st.none(), st.integers(), st.text(max_size=3)),
    st.just([]),
)
REGIONS = st.one_of(
    st.none(),
    st.none(),
    st.lists(PLACES, max_size=5),
    st.tuples(*[st.integers(0, 24)] * 4),
    st.text(),
)
SIZES = st.one_of(st.none(), st.floats(), st.tuples(st.floats(), st.floats()), st.text(max_size=3))
PAINT = st.one_of(
    st.none(),
    st.none(),
    st.integers(-1, 9).map(lambda value: np.full((SIDE, SIDE), value)),
    st.integers(0, 2).map(lambda value: np.eye(SIDE, dtype=np.uint8) * value),
    st.just(np.zeros((3, 3), np.uint8)),
    st.just(np.full((SIDE, SIDE), np.nan)),
    st.just("paint"),
)
OPTIONS = st.dictionaries(
    st.sampled_from(
        ["smoothness", "seed", "trust", "edges", "max_iterations", "device", "encoder"]
    ),
    st.one_of(st.integers(-1, 9), st.floats(), st.none(), st.text(max_size=3), st.booleans()),
    max_size=1,
)


def mostly(*usual: object, other: st.SearchStrategy) -> st.SearchStrategy:
    """Return a strategy of what is right, four times of five; if all were wrong all is refused."""
    right = st.sampled_from(usual)
    return st.integers(0, 4).flatmap(lambda number: right if number else other)


GOOD = (
    {"gland": "60±40", "other": "40±40"},
    ["gland=?", "other=30±20"],
    [("gland", 0.3), ("other", None)],
)
CLICKED = ([], [("gland", 3, 4)], {"other": [(1, 2), (8.4, 9.6)]}, ["gland:0,0", ("other", (9, 9))])


@fuzz("calls from Python")
@given(
    mostly(*GOOD, other=TISSUES),
    mostly(*CLICKED, other=CLICKS),
    mostly(None, (0, 0, 12, 24), [2, 3, 20, 21], other=REGIONS),
    mostly(None, 0.5, (0.5, 0.25), other=SIZES),
    mostly(None, np.eye(SIDE, dtype=int), other=PAINT),
    mostly({}, {"smoothness": 0}, {"trust": "none"}, {"edges": False}, other=OPTIONS),
)
def test_a_call_ends_in_a_result_or_a_sentence(tissue, tissues, clicks, region, size, paint, more):
    from napari_vslp import segment

    image = np.asarray(Image.open(tissue))
    quick = {"augmentation": False, "cache": False, "tolerance": 0.05}
    found = end_of(
        lambda: segment(
            image,
            tissues,
            clicks=clicks,
            region=region,
            pixel_size_um=size,
            painted=paint,
            **{**quick, **more},
        ),
    )
    if isinstance(found, Refused):
        return
    assert found.labels.min() >= 0
    assert found.labels.max() <= len(found.tissues)
    for click in found.inputs.clicks:
        top, left, bottom, right = found.region
        # The brush wins over a click.
        painted = (
            found.inputs.paint is not None and found.inputs.paint.whole()[click.row, click.column]
        )
        if not painted and top <= click.row < bottom and left <= click.column < right:
            named = found.tissues[found.labels[click.row - top, click.column - left] - 1]
            assert named.id == click.tissue
