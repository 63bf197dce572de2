"""Writes tests/goldens/shards/: tar archives as WebDataset's writer, Python's tarfile and GNU tar's format give them, and
members.json: name, place and size of every member, as tarfile reads them.

webdataset.tar: webdataset.TarWriter (pax headers for times that are no whole numbers), three samples.
names.tar: what data/shard_writer must write: plain, long and non-ASCII names, in the pax format with owner 0 and time 0.
gnu.tar: GNU's long names, a folder, a symbolic link.
"""
import io
import json
import sys
import tarfile
from pathlib import Path

import webdataset

LONG = "folder/" + "n" * 120 + ".png"


def add(tar, name, content, **fields):
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for key, value in fields.items():
        setattr(member, key, value)
    tar.addfile(member, io.BytesIO(content))


def main(folder="tests/goldens/shards"):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with webdataset.TarWriter(str(folder / "webdataset.tar"), mtime=1700000000.25) as sink:
        for i in range(3):
            sink.write({"__key__": f"{i:06}", "jpg": bytes([0xFF, 0xD8, 0xFF, i]), "json": {"label": f"class {i}", "age": 60 + i}, "txt": f"prompt {i}"})
    with tarfile.open(folder / "names.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in (("000000.png", b"first"), ("000000.json", b"{}"), (LONG, b"x" * 512), ("f\u00fcnf/\u4e94.png", b""), ("last.png", b"y" * 513)):
            add(tar, name, content)
    with tarfile.open(folder / "gnu.tar", "w", format=tarfile.GNU_FORMAT) as tar:
        add(tar, "folder", b"", type=tarfile.DIRTYPE)
        add(tar, LONG, b"long")
        add(tar, "link.png", b"", type=tarfile.SYMTYPE, linkname="y" * 150)
        add(tar, "./dot.png", b"dot", mtime=2**34)
    members = {}
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as tar:
            members[path.name] = [[m.name.removeprefix("./"), m.offset_data, m.size] for m in tar if m.isreg()]
    (folder / "members.json").write_text(json.dumps(members, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
