"""What is written and read whole: files and folders that survive a kill, and are never taken.

`atomic` writes one file, `placing` one file or folder where a user asked for it, `result_folder`
files that belong together, which it knows again by their `fingerprint`; `tensor_file` is
safetensors, `inputs_file` inputs as JSON; `folders` are shared by several processes, and open
what a user names.
"""
