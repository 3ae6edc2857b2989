"""How fast and how large glview is, with its peers on the same machine in the same run.

`make bench`, or from the folder tests: `python -m bench [--quick] [--only SECTION ...]`.
Nothing here passes or fails by a time; the tables say what was measured, and how busy other
programs kept the machine meanwhile.
"""
