"""Writes tests/goldens/split_list/: lists of images as DERETFound pickles them, for defound-data import.

train.pkl, val.pkl, test.pkl: whole numbers, texts of digits and numpy's numbers as labels, with and without endings of files;
names.pkl: texts as labels.
"""
import pickle
import sys
from pathlib import Path

import numpy as np


def main(folder="tests/goldens/split_list"):
    Path(folder).mkdir(parents=True, exist_ok=True)
    lists = {
        "train": [{"img_root": f"train/{i:02}.png", "label": i % 3} for i in range(6)],
        "val": [{"img_root": f"val/{i:02}", "label": str(i % 3)} for i in range(3)],
        "test": [{"img_root": f"test/{i:02}.png", "label": np.int64(i % 3), "age": 60 + i} for i in range(4)],
        "names": [{"img_root": f"train/{i:02}.png", "label": ["normal", "glaucoma"][i % 2]} for i in range(4)],
    }
    for (name, entries), protocol in zip(lists.items(), (2, 3, 4, 5)):
        Path(folder, name + ".pkl").write_bytes(pickle.dumps(entries, protocol))


if __name__ == "__main__":
    main(*sys.argv[1:])
