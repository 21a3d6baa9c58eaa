"""An exporter: the shares as one line of text."""

from __future__ import annotations

from napari_vslp.export.contract import Exporter


class SharesText(Exporter):
    """Writes “gland 60 %, other 40 %”."""

    name = "shares.txt"
    title = "Shares, text"
    suffixes = (".txt",)

    def write(self, result, image, path, options):
        shares = (f"{name} {100 * share:.0f} %" for name, share in result.reached.items())
        path.write_text(", ".join(shares) + "\n", encoding="utf-8")
        return [path]
