"""Sessions on the disk: one ``.vslp`` file holds what was said, how it came about and the results.

Read `archive` (a zip of JSON and arrays that nothing in it can lead astray), `results` (a result
as JSON and arrays), `migrations` (files of earlier versions), `session_file` (a session written and
read), then `autosave` (a file an open image, which a crash leaves to be offered).
"""
