/**
 * Sends the selected annotation's bounding box and the classified annotations in it to napari-vslp,
 * and takes the tissues back as annotations. For QuPath 0.5 or newer; see docs/qupath.md.
 *
 * 1. Draw a rectangle around what is to be segmented, without a class, and select it.
 * 2. Mark a place or two in each tissue with points (or areas), each with the class of the tissue.
 * 3. Write the shares below, and run the script.
 */
import java.awt.geom.AffineTransform
import qupath.lib.io.PathIO
import qupath.lib.objects.PathObjectTools
import qupath.lib.regions.RegionRequest

// ---- what to change
def program = "napari-vslp"  // or its whole path, such as /home/me/venv/bin/napari-vslp
def tissues = ["Tumor=60±10", "Stroma=40±10"]  // named as the classes are; "Necrosis=?" if unknown
// ----

def chosen = getSelectedObject()
if (chosen == null || !chosen.hasROI())
    throw new IllegalArgumentException("Select the rectangle to be segmented first.")
def server = getCurrentServer()
def roi = chosen.getROI()
int x = Math.max(0, Math.floor(roi.getBoundsX()) as int)
int y = Math.max(0, Math.floor(roi.getBoundsY()) as int)
int right = Math.min(server.getWidth(), Math.ceil(roi.getBoundsX() + roi.getBoundsWidth()) as int)
int bottom = Math.min(server.getHeight(), Math.ceil(roi.getBoundsY() + roi.getBoundsHeight()) as int)

def folder = java.nio.file.Files.createTempDirectory("vslp-")
def image = folder.resolve("region.tif").toString()
def marks = folder.resolve("marks.geojson").toString()
def out = folder.resolve("out").toString()
writeImageRegion(server, RegionRequest.createInstance(server.getPath(), 1.0, x, y, right - x, bottom - y), image)

// Annotations in pixels of the region that is written, not of the slide.
def here = AffineTransform.getTranslateInstance(-x, -y)
def inside = getAnnotationObjects().findAll {
    it != chosen && it.getPathClass() != null && roi.contains(it.getROI().getCentroidX(), it.getROI().getCentroidY())
}
def command = [program, "segment", image, "--out", out, "--quiet", "--write", "tissues.geojson",
               // The tissues come back in pixels of the slide.
               "--tissues-geojson-offset-x=" + (-x), "--tissues-geojson-offset-y=" + (-y)]
tissues.each { command += ["--tissue", it] }
if (!inside.isEmpty()) {
    exportObjectsToGeoJson(inside.collect { PathObjectTools.transformObject(it, here, false) }, marks, "FEATURE_COLLECTION")
    command += ["--import", "annotations:" + marks]
}
def size = server.getPixelCalibration()
if (size.hasPixelSizeMicrons())
    command += ["--pixel-size", size.getPixelHeightMicrons() + "," + size.getPixelWidthMicrons()]

def process = new ProcessBuilder(command.collect { it.toString() }).redirectErrorStream(true).start()
def said = process.getInputStream().getText("UTF-8")
if (process.waitFor() != 0)
    throw new RuntimeException(said)
addObjects(PathIO.readObjects(new File(out, "tissues.geojson")))
println "napari-vslp: done. The files lie in " + folder
