"""Any GeoJSON is read as annotations, or refused in one sentence."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from napari_vslp.core.inputs import ImageReference, Inputs
from napari_vslp.core.tissues import Tissue, coloured
from napari_vslp.importing.areas import annotation_shares
from napari_vslp.importing.marks import annotation_marks
from tests.fuzz.harness import Refused, end_of, folder, fuzz

TABLE = tuple(coloured([Tissue("Tumour", 0.6), Tissue("Stroma", 0.4)]))
INPUTS = Inputs(ImageReference("nest", shape=(40, 60)), TABLE)
NUMBERS = st.one_of(
    st.floats(allow_nan=True, width=32), st.integers(-80, 80), st.text(max_size=2), st.none()
)
PLACES = st.lists(NUMBERS, max_size=3)
NESTED = st.recursive(PLACES, lambda inner: st.lists(inner, max_size=5), max_leaves=12)
FEATURES = st.fixed_dictionaries(
    {
        "geometry": st.one_of(
            st.none(),
            st.fixed_dictionaries(
                {
                    "type": st.sampled_from(
                        ["Point", "MultiPoint", "LineString", "Polygon", "MultiPolygon", "?"]
                    ),
                    "coordinates": NESTED,
                }
            ),
        ),
        "properties": st.one_of(
            st.none(),
            st.fixed_dictionaries(
                {
                    "classification": st.one_of(
                        st.sampled_from([{"name": "Tumour"}, {"names": ["Stroma"]}, "Tumour", ""]),
                        NUMBERS,
                    )
                }
            ),
        ),
    }
)


PLACE = st.tuples(st.integers(-5, 65), st.floats(-5, 45, width=32)).map(list)
RING = st.lists(PLACE, min_size=2, max_size=8)
SOUND = st.one_of(
    PLACE.map(lambda at: ("Point", at)),
    RING.map(lambda line: ("LineString", line)),
    st.lists(RING, min_size=1, max_size=3).map(lambda rings: ("Polygon", rings)),
).map(
    lambda told: {
        "geometry": {"type": told[0], "coordinates": told[1]},
        "properties": {"classification": {"name": "Tumour"}},
    }
)


@fuzz("annotations")
@given(st.lists(st.one_of(SOUND, FEATURES), max_size=4))
def test_any_geojson_is_read_or_refused_in_one_sentence(features):
    with folder() as place:
        (path := place / "case.geojson").write_text(json.dumps(features), encoding="utf-8")
        for importer in (annotation_marks, annotation_shares):
            found = end_of(lambda read=importer.read: read(path, INPUTS))
            if isinstance(found, Refused):
                continue
            after = found(INPUTS)
            assert after.paint is None or after.paint.shape == (40, 60)
            assert all(0 <= c.row < 40 and 0 <= c.column < 60 for c in after.clicks)
