"""Writes tests/goldens/npy/: arrays as numpy.save writes them, of each type, order and version that defound reads.

NAME.npy for each case; every array holds 0 1 2 ... in C order (bools: 0 1 0 1 ...), so that a test can make them anew.
"""
import io
import sys
from pathlib import Path

import numpy as np

TYPES = "f2 f4 f8 i1 i2 i4 i8 u1 b1".split()
SHAPES = {"matrix": (3, 5), "number": (), "vector": (7,), "empty": (0, 4), "cube": (2, 3, 4)}


def counting(shape, kind):
    values = np.arange(int(np.prod(shape))).reshape(shape)
    return (values % 2 if kind == "b1" else values).astype(kind)


def save(folder, name, array, version=(1, 0)):
    with io.BytesIO() as file:
        np.lib.format.write_array(file, array, version=version)
        Path(folder, name + ".npy").write_bytes(file.getvalue())


def main(folder="tests/goldens/npy"):
    Path(folder).mkdir(parents=True, exist_ok=True)
    for kind in TYPES:
        save(folder, f"matrix_{kind}", counting((3, 5), kind))
    for name, shape in SHAPES.items():
        save(folder, f"{name}_c", counting(shape, "f4"))
    for name in ("matrix", "cube"):
        save(folder, f"{name}_fortran", np.asfortranarray(counting(SHAPES[name], "f4")))
    for major in (2, 3):
        save(folder, f"cube_version{major}", counting(SHAPES["cube"], "f4"), (major, 0))


if __name__ == "__main__":
    main(*sys.argv[1:])
