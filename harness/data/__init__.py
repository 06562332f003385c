"""Data sets as the harness reads them: found, read safely, decoded once, kept in a cache.

The way of an image: `sources` lists and reads the files of a folder or an archive (`archive`
refuses unsafe ones), `layout` finds split, class and row from each name, `images` decodes and
resizes, `cache` keeps the pixels as memory-mapped arrays, and `dataset` reads from there the
episodes that `layout` draws. `prepare` is the whole way in one call; `safe_pickle` reads arrays
that come pickled. Nothing here knows a data set by name.
"""
