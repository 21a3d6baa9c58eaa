"""The proportion penalty: how strongly the typed proportions bind the areas.

`contract` says what a penalty is (`Penalty`), what those that treat each tissue by itself share
(`PerTissue`), and makes one from a table of tissues; `constraints` holds measured, interval and
none, `soft` robust, quadratic and Kullback–Leibler. A new one is a file with a subclass and a line
in `napari_vslp.core.registries.PENALTIES`.
"""
