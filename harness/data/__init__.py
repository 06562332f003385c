"""Reads data sets: finds their files, reads them safely, decodes them once, and caches the pixels.

An image passes through these modules: `sources` lists and reads the files of a folder or an archive
(`archive` refuses unsafe ones), `layout` derives split, class and row from each name, `images`
decodes and resizes, `cache` keeps the pixels as memory-mapped arrays, and `dataset` reads from
there the episodes that `layout` draws. `prepare` does all of this in one call; `safe_pickle` reads
pickled arrays. No module here knows a data set by name.
"""
