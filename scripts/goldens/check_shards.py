"""Checks that WebDataset reads a set of defound-synthesize --format shards as the manifest says.

    python scripts/goldens/check_shards.py SYNTHETIC
"""
import csv
import io
import json
import sys
from pathlib import Path

import webdataset
from PIL import Image


def main(folder):
    folder = Path(folder)
    with open(folder / "manifest.csv", newline="") as file:
        rows = {Path(row["path"].split("#")[1]).stem: row for row in csv.DictReader(file)}
    shards = sorted(str(path) for path in folder.glob("shards/*.tar"))
    seen = 0
    for sample in webdataset.WebDataset(shards, shardshuffle=False):
        row, told = rows[sample["__key__"]], json.loads(sample["json"])
        for key in ("label", "split", "prompt", "source", "seed", "generator"):
            assert str(told[key]) == row[key], (sample["__key__"], key, told[key], row[key])
        picture = Image.open(io.BytesIO(sample["png" if "png" in sample else "jpg"]))
        picture.load()
        seen += 1
    assert seen == len(rows), (seen, len(rows))
    print(f"{seen} samples in {len(shards)} shards are those of the manifest")


if __name__ == "__main__":
    main(*sys.argv[1:])
