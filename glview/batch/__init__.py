"""`glview detect`: the cosmic rays of many frames, without a window.

plan -> frames (reading) -> work (searching, writing) -> rows -> report.  `line` overlaps these
stages on this computer, `cluster` gives whole files to the workers of a Dask cluster.
"""
