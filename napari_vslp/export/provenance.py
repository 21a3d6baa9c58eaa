"""What a file says of names and of where it comes from, in the formats of others."""

from __future__ import annotations

import json
import re
import uuid
from hashlib import sha256

from napari_vslp.core.files.inputs_file import inputs_as_json
from napari_vslp.core.inputs import Inputs
from napari_vslp.core.segmentation import Segmentation, labels_hash

# The wide forms too: spreadsheets in East Asia take them for the narrow ones.
_BEGINS_A_FORMULA = tuple("=+-@＝＋－＠")
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def no_formula(name: str) -> str:
    """Return a name that no spreadsheet computes: with an apostrophe before it, if it would."""
    return f"'{name}" if name.lstrip().startswith(_BEGINS_A_FORMULA) else name


def for_xml(name: str) -> str:
    """Return a name with what XML 1.0 cannot hold replaced by U+FFFD."""
    return _NOT_IN_XML.sub("\ufffd", name)


# Of the ids in all that napari-vslp writes: the same tissue of the same inputs has the same id.
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "napari-vslp")


def provenance(result: Segmentation) -> dict[str, str]:
    """Return texts that tell which inputs made which labels, and with what."""
    return {
        "software": software(result),
        "inputs_sha256": inputs_hash(result.inputs),
        "labels_sha256": labels_hash(result.labels),
        "image_sha256": result.inputs.image.sha256,
    }


def inputs_hash(inputs: Inputs) -> str:
    """Return the SHA-256 of all that was said but for names and colours and the image's place."""
    told = inputs_as_json(inputs)
    for name in ("name", "path"):
        told["image"].pop(name)
    for tissue in told["tissues"]:
        for look in ("name", "colour"):
            tissue.pop(look)
    return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def software(result: Segmentation) -> str:
    """Return name and version of what made a result."""
    return f"napari-vslp {result.versions.get('napari-vslp', '')}".strip()
