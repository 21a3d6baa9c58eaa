"""Tables of cohorts in every way of writing: the shares that are meant, or one sentence."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_vslp.learning.cohort import read_cohort
from tests.fuzz.harness import Refused, end_of, folder, fuzz

TISSUES = ("tumour", "stroma", "Drüse", "肿瘤", "CD3:pos", "fat; other", "a,b", "% necrosis")


@dataclass(frozen=True)
class Written:
    """A table whose shares are known, and one way of writing it."""

    tissues: tuple[str, ...]
    shares: tuple[tuple[int, ...], ...]
    halves: tuple[int, ...]
    separator: str = ","
    comma: bool = False
    sign: str = ""
    quoted: bool = False
    encoding: str = "utf-8"
    end: str = "\n"
    form: str = "±"
    first: str = ""
    fractions: bool = False
    image: str = "image"

    def text(self) -> str:
        """Return the table."""
        out = io.StringIO(newline="")
        quoting = csv.QUOTE_ALL if self.quoted else csv.QUOTE_MINIMAL
        table = csv.writer(out, delimiter=self.separator, quoting=quoting, lineterminator=self.end)
        columns: list[str] = []
        for name in self.tissues:
            more = {"columns": [f"{name} ±"], "lo hi": [f"{name} hi"]}.get(self.form, [])
            columns += [f"{name} lo" if self.form == "lo hi" else name, *more]
        table.writerow([self.image, *columns])
        for index, row in enumerate(self.shares):
            cells: list[str] = []
            for value, half in zip(row, self.halves, strict=True):
                cells += self._cells(value, half)
            table.writerow([f"{index}.png", *cells])
        return f"{self.first}{out.getvalue()}"

    def _cells(self, value: int, half: int) -> list[str]:
        if self.form == "lo hi":
            return [self._number(max(0, value - half)), self._number(min(100, value + half))]
        if self.form == "columns":
            return [self._number(value), self._number(half)]
        return [
            f"{self._number(value)}{self.form}{self._number(half)}" if half else self._number(value)
        ]

    def _number(self, value: int) -> str:
        text = (
            f"{value / 100:.4f}" if self.fractions else f"{value}.0" if self.comma else f"{value}"
        )
        return (text.replace(".", ",") if self.comma else text) + self.sign

    @property
    def per_cent_is_told(self) -> bool:
        """Whether numbers, a sign or a header say that shares are per cent."""
        numbers = [*self.halves, *(value for row in self.shares for value in row)]
        header = any("%" in name for name in self.tissues)
        return bool(self.sign) or header or any(value > 1 for value in numbers)


@st.composite
def written(draw) -> Written:
    tissues = tuple(draw(st.lists(st.sampled_from(TISSUES), min_size=2, max_size=4, unique=True)))
    rows = []
    for _ in range(draw(st.integers(1, 4))):
        cuts = sorted(draw(st.integers(0, 100)) for _ in tissues[1:])
        rows.append(tuple(high - low for low, high in zip([0, *cuts], [*cuts, 100], strict=True)))
    comma = draw(st.booleans())
    separator = draw(st.sampled_from([";", "\t"] if comma else [",", ";", "\t"]))
    fractions = draw(st.booleans()) and not any("%" in name for name in tissues)
    return Written(
        tissues,
        tuple(rows),
        tuple(draw(st.sampled_from([0, 0, 3, 10])) for _ in tissues),
        separator,
        comma,
        "" if fractions else draw(st.sampled_from(["", "%", " %"])),
        draw(st.booleans()),
        draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"])),
        draw(st.sampled_from(["\n", "\r\n", "\r"])),
        draw(st.sampled_from(["±", "+-", " ± ", "columns", "lo hi"])),
        draw(st.sampled_from(["", "", f"sep={separator}\n", "# made by hand; 1, 2\n"])),
        fractions,
        draw(st.sampled_from(["image", "Image", "FILE", "filename", " image "])),
    )


@fuzz("tables that are right")
@given(written())
def test_a_table_gives_the_shares_that_are_meant(one):
    with folder() as place:
        for index in range(len(one.shares)):
            (place / f"{index}.png").touch()
        path = place / "cohort.csv"
        data = one.text().encode(one.encoding, "replace")
        path.write_bytes(data)
        found = end_of(lambda: read_cohort(path))
        if isinstance(found, Refused):
            assert one.encoding in {"utf-16", "latin-1"}, found.sentence
            assert "UTF-8" in found.sentence
            return
        assert one.encoding.startswith("utf-8") or data.isascii(), "taken for UTF-8"
        if one.encoding.startswith("utf-8"):
            assert found.tissues == one.tissues
        for bag, row in zip(found.bags, one.shares, strict=True):
            want = np.array(row) / 100
            half = np.array(one.halves) / 100
            lower, upper = np.array(bag.lower), np.array(bag.upper)
            assert (lower <= want + 1e-6).all(), (lower, want)
            assert (upper >= want - 1e-6).all(), (upper, want)
            assert (upper - lower <= 2 * half + 1e-6).all(), "wider than typed"


CELLS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        [
            "60",
            "60±5",
            "0.6",
            "60%",
            "?",
            "nan",
            "inf",
            "-5",
            "1e308",
            "1e400",
            "9" * 400,
            "1,5",
            "½",
        ]
    ),
    st.sampled_from(
        ["0.png", "../0.png", "", "a\nb", '"', "'", "/", "\ud800", "x" * 300, "0.png\0"]
    ),
    st.sampled_from(["0,0,9,9", "0.25", "1e-9", "(0, 0, 9, 9)", "9,9,0,0", "٣"]),
)
HEADERS = st.one_of(
    st.sampled_from(["image", "tumour", "stroma", "tumour ±", "tumour lo", "tumour hi", "other"]),
    st.sampled_from(
        ["mpp", "region", "split", "mask", "case", "µm/px", "width", "", "% a", "sep=;"]
    ),
    st.text(max_size=5),
)


@st.composite
def any_table(draw) -> bytes:
    columns = draw(st.integers(1, 6))
    header = draw(st.lists(HEADERS, min_size=columns, max_size=columns))
    header[0] = draw(st.sampled_from(["image", "image", header[0]]))
    if columns == 3 and draw(st.booleans()):
        header[1:] = ["tumour", "stroma"]
    likely = st.sampled_from(["0", "50", "50±9", "?", ""])
    cells = draw(st.sampled_from([CELLS, likely]))
    rows = draw(st.lists(st.lists(cells, min_size=columns, max_size=columns), max_size=2))
    rows = [["0.png", *row[1:]] if draw(st.booleans()) else row for row in rows]
    separator = draw(st.sampled_from(",,;\t|"))
    lines = [separator.join(row) for row in [header, *rows]]
    text = draw(st.sampled_from(["\n", "\n", "\r\n", "\r", "\x0b", "\u2028"])).join(lines)
    encoding = draw(
        st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1"])
    )
    data = text.encode(encoding, "replace")
    return data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data


@fuzz("tables of any cells")
@given(st.one_of(any_table(), any_table(), st.binary(max_size=80)), st.floats(0, 1))
def test_a_table_of_any_cells_is_read_or_refused(data, tolerance):
    with folder() as place:
        (place / "0.png").touch()
        (path := place / "cohort.csv").write_bytes(data)
        found = end_of(lambda: read_cohort(path, tolerance=tolerance))
        if isinstance(found, Refused):
            return
        assert len(found.tissues) >= 2
        for bag in found.bags:
            assert Path(bag.image).is_file()
            lower, upper = np.array(bag.lower), np.array(bag.upper)
            assert np.isfinite(lower).all()
            assert np.isfinite(upper).all()
            assert (lower >= 0).all()
            assert (lower <= upper + 1e-9).all()
            assert (upper <= 1).all()
            assert lower.sum() <= 1 + 1e-6
            assert upper.sum() >= 1 - 1e-6
