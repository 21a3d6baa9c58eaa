"""What stands on the page of a report, in words and numbers, whatever it is written as."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from napari_vslp.core.options import options_of
from napari_vslp.core.segmentation import FIDELITY, REGULARISATION, Segmentation, labels_hash
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Colour, Tissue
from napari_vslp.export.options import Pixel, ReportOptions
from napari_vslp.export.provenance import inputs_hash
from napari_vslp.review import wording
from napari_vslp.review.overview import doubt
from napari_vslp.review.regions import Region, doubtful_regions

RESEARCH_ONLY = "Research use only. Not for diagnosis."
# Rows of a table that still fit on one page.
MOST_TISSUES = 16
_MOST_NOTES = 4
_HASH = 12  # letters
_MAPS = {
    FIDELITY: "where the result goes against the look of the tissue, to meet the shares or to "
    "keep borders smooth",
    REGULARISATION: "where borders run, and how much they cost",
}
_OTHER_MAPS = "where the result goes against the shapes that were learnt"


@dataclass(frozen=True)
class TissueRow:
    """One tissue: what was asked, what was reached, and what the image says to it.

    Attributes
    ----------
    name, colour
        Of the tissue.
    asked
        As it was typed, such as “35 ± 5 %”.
    low, high, share
        The interval asked for and the share reached, in [0, 1].
    area
        Reached, with its unit.
    price
        Dual price (nats per px), signed.
    says
        What the price means, as the end of a sentence that begins “The image …”.
    """

    name: str
    colour: Colour
    asked: str
    low: float
    high: float
    share: float
    area: str
    price: str
    says: str

    @property
    def reached(self) -> str:
        """The share reached, in per cent."""
        return wording.per_cent(self.share)


@dataclass(frozen=True)
class Place:
    """One doubtful place: its number on the picture, what it is, and whether it was looked at.

    Attributes
    ----------
    at
        Row and column (px of the whole image).
    looked
        None if nobody recorded it.
    """

    number: int
    at: Pixel
    area: str
    shown: str
    other: str
    looked: bool | None


@dataclass(frozen=True)
class Report:
    """All words and numbers of one page.

    Attributes
    ----------
    title
        Name of the image.
    about
        Size, region, size of a pixel.
    quality
        How far the result is from the best possible, and what is in doubt.
    tissues
        The rows of the table; `more_tissues` others do not fit on the page.
    places
        The doubtful places that are listed, of `count` in all.
    looked
        How many of all were looked at, in a sentence.
    maps
        Name of a term of the energy → its title and what it shows.
    notes
        Sentences to read.
    settings, made_with
        (what, value) pairs.
    """

    title: str
    about: str
    quality: str
    tissues: tuple[TissueRow, ...]
    more_tissues: int
    places: tuple[Place, ...]
    count: int
    looked: str
    maps: dict[str, tuple[str, str]]
    notes: tuple[str, ...]
    settings: tuple[tuple[str, str], ...]
    made_with: tuple[tuple[str, str], ...]


def report_of(result: Segmentation, options: ReportOptions) -> Report:
    """Return what stands on the page of a result.

    Parameters
    ----------
    result
        What `napari_vslp.segment` returned.
    options
        How many places to list, and which were looked at.
    """
    regions = doubtful_regions(result, doubt(result))
    looked_at = options.looked_at
    ticks = [_looked(region, looked_at) for region in regions]
    rows = list(_rows(result))
    notes = wording.hints(result)
    if len(notes) > _MOST_NOTES:
        notes = [*notes[: _MOST_NOTES - 1], "More notes stand in summary.json."]
    return Report(
        title=result.inputs.image.name or "Image without a name",
        about=" · ".join(_about(result)),
        quality=f"{wording.within(result)}. {wording.doubts(result)}",
        tissues=tuple(rows[:MOST_TISSUES]),
        more_tissues=max(0, len(rows) - MOST_TISSUES),
        places=tuple(_places(result, regions[: options.places], ticks)),
        count=len(regions),
        looked=_looked_in_words(ticks),
        maps={
            name: (term.title, _MAPS.get(name, _OTHER_MAPS)) for name, term in result.terms.items()
        },
        notes=tuple(notes),
        settings=tuple(_settings(result.settings)),
        made_with=tuple(_made_with(result)),
    )


def _about(result: Segmentation) -> Iterator[str]:
    height, width = result.image_shape
    top, left, bottom, right = result.region
    yield f"Image {width} × {height} px"
    if (top, left, bottom, right) != (0, 0, height, width):
        yield f"region {right - left} × {bottom - top} px from column {left}, row {top}"
    size = result.pixel_size_um
    if size is None:
        yield "pixel size not known"
    else:
        high, wide = size
        yield f"{wide:.4g} µm/px" if high == wide else f"{wide:.4g} × {high:.4g} µm/px"


def _rows(result: Segmentation) -> Iterator[TissueRow]:
    size = result.pixel_size_um
    segmented = int((result.labels > 0).sum())
    for index, (tissue, said) in enumerate(zip(result.tissues, result.inputs.tissues, strict=True)):
        low, high = said.interval
        share, price = float(result.shares[index]), float(result.prices[index])
        pixels = round(share * segmented)
        yield TissueRow(
            name=tissue.name,
            colour=tissue.colour,
            asked=_asked(said),
            low=low,
            high=high,
            share=share,
            area=wording.area(pixels, None if size is None else pixels * size[0] * size[1]),
            price=f"{price:+.2f}",
            says=_says(price) if said.value is not None else "was not given a number",
        )


def _says(price: float) -> str:
    return wording.pull(price).removeprefix("The image ").removesuffix(".")


def _asked(said: Tissue) -> str:
    if said.value is None:
        return "not known"
    low, high = said.interval
    if low == high:
        return f"{100 * said.value:.4g} %"
    return f"{100 * said.value:.4g} ± {100 * said.tolerance:.4g} %"


def _looked(region: Region, looked_at: Sequence[Pixel] | None) -> bool | None:
    return None if looked_at is None else any(region.holds(place) for place in looked_at)


def _looked_in_words(ticks: Sequence[bool | None]) -> str:
    if not ticks:
        return "Nothing doubtful is left: every place is clear."
    count = f"{len(ticks)} doubtful place{'s' if len(ticks) > 1 else ''}"
    if ticks[0] is None:
        return f"{count}; whether anybody looked at them was not recorded."
    return f"{count}, {sum(map(bool, ticks))} looked at."


def _places(
    result: Segmentation, regions: Sequence[Region], ticks: Sequence[bool | None]
) -> Iterator[Place]:
    for number, (region, tick) in enumerate(zip(regions, ticks, strict=False), start=1):
        yield Place(
            number,
            region.point,
            wording.area(region.pixels, region.area_um2),
            result.tissues[region.shown].name,
            result.tissues[region.runner_up].name,
            tick,
        )


def _settings(settings: Settings) -> Iterator[tuple[str, str]]:
    for one, described in options_of(Settings):
        if described.group == "running" or one.name == "trust_strength":
            continue
        value = getattr(settings, one.name)
        yield described.label, _in_words(value, described.titles())
    for name, options in settings.extras.items():
        for one, described in options_of(type(options)):
            value = getattr(options, one.name)
            yield f"{name}: {described.label}", _in_words(value, described.titles())


def _in_words(value: object, titles: dict[object, str]) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    return titles.get(value, str(value))


def _made_with(result: Segmentation) -> Iterator[tuple[str, str]]:
    yield from result.versions.items()
    hashes = {
        "image": result.inputs.image.sha256,
        "all that was said": inputs_hash(result.inputs),
        "network": result.weights_hash,
        "result": labels_hash(result.labels),
    }
    for name, value in hashes.items():
        if value:
            yield f"SHA-256 of {name}", value[:_HASH]
