"""Labels as a DICOM Segmentation of a whole slide: a segment a tissue, in tiles.

An image that is no DICOM has no patient, study or frame of reference: the file stands in a study of
its own, whose identifiers follow from the hash of the inputs, and says so.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_vslp.core.errors import VslpError
from napari_vslp.core.segmentation import Segmentation
from napari_vslp.core.tissues import Tissue
from napari_vslp.export.arrays.planes import Plane
from napari_vslp.export.contract import RGB, Exporter
from napari_vslp.export.provenance import NAMESPACE, inputs_hash, software

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_TILE = 512  # px
_LABEL = 64  # letters of a segment's name at the most
_SLIDE_STORAGE = "1.2.840.10008.5.1.4.1.1.77.1.6"
_EXPLICIT = "1.2.840.10008.1.2.1"
# What a result that is made again must write again.
_WHEN = datetime(2000, 1, 1, tzinfo=UTC)


def as_dicom_seg(result: Segmentation) -> Any:  # noqa: ANN401 - highdicom is an extra
    """Return a binary Segmentation object of the whole image.

    Raises
    ------
    VslpError
        If the pixel size is unknown, nothing is segmented or highdicom is missing.
    """
    try:
        import highdicom
    except ImportError as error:
        raise VslpError(
            "DICOM needs the package highdicom: pip install “napari-vslp[dicom]”."
        ) from error
    if result.pixel_size_um is None:
        raise VslpError("DICOM needs the pixel size, and it is unknown: state it.")
    labels = Plane.of(result, result.labels).read((0, 0, *result.image_shape))
    there = [i for i in range(1, len(result.tissues) + 1) if np.any(labels == i)]
    if not there:
        raise VslpError("Nothing is segmented, and DICOM holds no empty segmentation.")
    numbers = np.zeros(256, np.uint8)
    numbers[there] = np.arange(1, len(there) + 1)
    algorithm = _algorithm(result)
    return highdicom.seg.Segmentation(
        source_images=[_slide(result)],
        pixel_array=numbers[labels][None],
        segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[
            _segment(number, result.tissues[label - 1], algorithm)
            for number, label in enumerate(there, start=1)
        ],
        series_instance_uid=_uid(result, "series"),
        series_number=1,
        sop_instance_uid=_uid(result, "segmentation"),
        instance_number=1,
        manufacturer="napari-vslp",
        manufacturer_model_name="napari-vslp",
        software_versions=software(result),
        device_serial_number=inputs_hash(result.inputs)[:16],
        content_description="Tissues; research use only",
        tile_pixel_array=True,
        tile_size=(_TILE, _TILE),
    )


def _uid(result: Segmentation, what: str) -> str:
    """Return an identifier that the same result always gets."""
    return f"2.25.{uuid.uuid5(NAMESPACE, f'{inputs_hash(result.inputs)} {what}').int}"


def _algorithm(result: Segmentation) -> Any:  # noqa: ANN401
    import highdicom
    from pydicom.sr.coding import Code

    return highdicom.AlgorithmIdentificationSequence(
        name="napari-vslp",
        version=software(result).split()[-1],
        family=Code("123109", "DCM", "Manual Processing"),
    )


def _segment(number: int, tissue: Tissue, algorithm: Any) -> Any:  # noqa: ANN401
    import highdicom
    from pydicom.sr.coding import Code

    kind = Code("85756007", "SCT", "Tissue")
    return highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=tissue.name[:_LABEL],
        segmented_property_category=kind,
        segmented_property_type=kind,
        algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.SEMIAUTOMATIC,
        algorithm_identification=algorithm,
        tracking_uid=f"2.25.{uuid.uuid5(NAMESPACE, tissue.id).int}",
        tracking_id=tissue.id[:_LABEL],
        display_color=highdicom.color.CIELabColor.from_rgb(*tissue.colour),
    )


def _slide(result: Segmentation) -> Dataset:
    """Return the head of a DICOM image of the slide, which there is none of, to refer to."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID

    height, width = result.image_shape
    high, wide = (side / 1000 for side in result.pixel_size_um or (1.0, 1.0))
    slide = Dataset()
    slide.SOPClassUID, slide.SOPInstanceUID = _SLIDE_STORAGE, _uid(result, "slide")
    slide.file_meta = FileMetaDataset()
    slide.file_meta.TransferSyntaxUID = UID(_EXPLICIT)
    slide.SpecificCharacterSet = "ISO_IR 192"
    slide.Modality, slide.Manufacturer = "SM", "unknown"
    slide.PatientID = slide.PatientName = "unknown"
    slide.PatientBirthDate = slide.PatientSex = slide.AccessionNumber = ""
    slide.StudyID = slide.ReferringPhysicianName = ""
    slide.StudyDate, slide.StudyTime = _WHEN.strftime("%Y%m%d"), _WHEN.strftime("%H%M%S")
    slide.StudyInstanceUID = _uid(result, "study")
    slide.SeriesInstanceUID, slide.SeriesNumber = _uid(result, "slide series"), 1
    slide.InstanceNumber, slide.FrameOfReferenceUID = 1, _uid(result, "frame of reference")
    slide.PositionReferenceIndicator = "SLIDE_CORNER"
    slide.ContainerIdentifier = (result.inputs.image.name or "slide")[:_LABEL]
    slide.ImageType = ["DERIVED", "PRIMARY", "VOLUME", "NONE"]
    slide.DimensionOrganizationType = "TILED_FULL"
    slide.Rows = slide.Columns = _TILE
    slide.TotalPixelMatrixRows, slide.TotalPixelMatrixColumns = height, width
    slide.NumberOfFrames = -(-height // _TILE) * -(-width // _TILE)
    slide.SamplesPerPixel, slide.NumberOfOpticalPaths, slide.TotalPixelMatrixFocalPlanes = 3, 1, 1
    slide.ImagedVolumeWidth, slide.ImagedVolumeHeight = width * wide, height * high
    slide.ImagedVolumeDepth = 0.001
    origin = Dataset()
    origin.XOffsetInSlideCoordinateSystem = origin.YOffsetInSlideCoordinateSystem = 0.0
    slide.TotalPixelMatrixOriginSequence = [origin]
    slide.ImageOrientationSlide = [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]
    measures = Dataset()
    measures.PixelSpacing, measures.SliceThickness = [high, wide], 0.001
    shared = Dataset()
    shared.PixelMeasuresSequence = [measures]
    slide.SharedFunctionalGroupsSequence = [shared]
    return slide


class MaskDicom(Exporter):
    """The labels as a DICOM Segmentation."""

    name = "mask.dcm"
    title = "Mask, DICOM Segmentation"
    suffixes = (".dcm",)

    def write(self, result: Segmentation, image: RGB, path: Path, options: Any) -> list[Path]:  # noqa: ANN401, ARG002
        """Write the mask.

        Raises
        ------
        VslpError
            As `as_dicom_seg`.
        """
        as_dicom_seg(result).save_as(path)
        return [path]


mask_dicom = MaskDicom()
