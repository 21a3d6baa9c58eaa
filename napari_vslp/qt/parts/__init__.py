"""Parts that several docks are made of; they know nothing of sessions and layers.

`form` makes rows from a dataclass of options; `steady` holds controls that scrolling does not
move, `number_field` one for numbers that stay as typed; `registry_menu` lists what can be
chosen, `collapsible`, `icons` and `small_plot` are widgets, `theme` is their style, `messages` says
a result's numbers in words.
"""
