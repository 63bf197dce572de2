#!/usr/bin/env python3
"""Checks the rules of the tree: which folder may include which, where torch, OpenCV and CLI11 may stand, what the
library must not do, and how long files and functions may be. Prints each fault with its place; exit 1 if there is any.

    check_tree.py [--root FOLDER]     check a source tree
    check_tree.py --self_test         check that each rule finds its fault in a made-up tree
"""
import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

# A folder includes only itself and folders before it.
ORDER = "core config run tensor kernels image data nn diffusion models dist train eval tasks".split()
TOP = set("include src tools configs tests scripts CMakeLists.txt README.md LICENSE".split())
CODE = (".h", ".cpp", ".cu", ".cuh")
TEXT = CODE + (".py", ".sh", ".cmake", ".md", ".json", ".txt", ".yml", ".yaml", ".def", ".csv")
FILE_LINES, FUNCTION_LINES, TOOL_LINES, MEDIAN_LINES, COLUMNS = 400, 60, 30, 120, 180
# Spelled so that this file does not break its own rule.
WORDS = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK", "st" + "ub", "place" + "holder", "/wo" + "rk/"]
VAGUE = {"utils", "util", "common", "helpers", "helper", "misc"}
PRINTS = re.compile(r"\bstd::(cout|cerr|clog|exit|quick_exit|abort)\b|\b(printf|fprintf|puts|putchar)\s*\(|\bfmt::print|(?<![\w:.>])_?exit\s*\(")
MAY_PRINT = {"src/core/log.cpp", "src/core/stop.cpp", "src/dist/watch.cpp"}  # the log, a second SIGINT, a work that hangs
NOISE = re.compile(r'R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\[^\n]+?|[^\'\\\n])\'|//[^\n]*|/\*.*?\*/', re.S)


def blank(match):
    return re.sub(r"[^\n]", " ", match.group())


def source_files(root):
    """Paths that belong to the project, relative to the root: what git tracks or would track."""
    try:
        command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = [name for name in subprocess.run(command, capture_output=True, check=True).stdout.decode().split("\0") if name]
    except (OSError, subprocess.CalledProcessError):  # an unpacked archive
        listed = [str(path.relative_to(root)) for top in sorted(TOP) for path in ([root / top] if (root / top).is_file() else sorted((root / top).rglob("*")))]
    return [name for name in listed if (root / name).is_file()]


def includes(text):
    return [(number, match[1]) for number, line in enumerate(text.split("\n"), 1) if (match := re.match(r'\s*#\s*include\s*([<"][^>"]+)[>"]', line))]


def folder_of(name):
    parts = name.split("/")
    return parts[2] if name.startswith("include/defound/") else parts[1] if name.startswith("src/") else None


def functions(text):
    """(first line, last line) of each function body that stands in namespaces and classes, found by its braces."""
    text = NOISE.sub(blank, text)
    text = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", blank, text, flags=re.M)
    stack, start, found = [], 0, []  # the stack holds each open brace: a container, or (the outermost) a function
    for at, char in enumerate(text):
        outside = all(kind == "container" for kind, _ in stack)
        if char == ";" and outside:
            start = at + 1
        elif char == "{":
            head = re.sub(r"template\s*<[^;{]*?>\s*(?=\w|\[)", " ", text[start:at])
            container = not head.strip() or re.match(r"\s*(inline\s+)?(namespace|struct|class|union|enum|extern)\b", head) and "(" not in head
            stack.append(("container" if outside and container else "body", start))
            if outside and container:
                start = at + 1
        elif char == "}" and stack:
            kind, began = stack.pop()
            if not all(k == "container" for k, _ in stack):
                continue
            if re.match(r"\s*[,{);]", text[at + 1:at + 200]):  # a member's initializer: the statement goes on
                continue
            if kind == "body" and "(" in text[began:at]:
                first = began + len(text[began:at]) - len(text[began:at].lstrip())
                found.append((text.count("\n", 0, first) + 1, text.count("\n", 0, at) + 1))
            start = at + 1
    return found


class Checker:
    def __init__(self, root):
        self.root, self.faults = Path(root), []
        self.files = source_files(self.root)
        self.texts = {name: (self.root / name).read_text(errors="replace") for name in self.files if name.endswith(TEXT)}
        self.code = {name: text for name, text in self.texts.items() if name.endswith(CODE)}

    def fault(self, rule, name, message, line=None):
        self.faults.append((rule, f"{name}{f':{line}' if line else ''}: {message}"))

    def check(self):
        for rule in (self.top_level, self.order, self.torch, self.libraries, self.printing, self.length, self.words, self.names):
            rule()
        return self.faults

    def top_level(self):
        for name in sorted({name.split("/")[0] for name in self.files}):
            if name not in TOP and not name.startswith("."):
                self.fault("top_level", name, "only " + ", ".join(sorted(TOP)) + " and dot files stand at the top")
        for name in self.files:
            if (folder := folder_of(name)) and folder not in ORDER:
                self.fault("top_level", name, f"'{folder}' is no folder of the library: {', '.join(ORDER)}")

    def order(self):
        for name, text in self.code.items():
            folder = folder_of(name)
            if folder not in ORDER:
                continue
            for line, path in includes(text):
                if not path.startswith('"'):
                    continue
                target = path[1:].removeprefix("defound/").split("/")[0] if path.startswith('"defound/') else None
                if target is None and path != '"defound_version.h' and ("/" in path or not (self.root / name).with_name(path[1:]).is_file()):
                    self.fault("order", name, f"{path[1:]} is neither defound/... nor a file beside this one", line)
                elif target in ORDER and ORDER.index(target) > ORDER.index(folder):
                    self.fault("order", name, f"{folder}/ stands before {target}/ and must not include it", line)

    def reaches_torch(self, name, seen):
        if name in seen or name not in self.code:
            return None
        seen.add(name)
        for _, path in includes(self.code[name]):
            if re.match(r"[<\"](torch|ATen|c10|caffe2)/", path):
                return name
            if path.startswith('"defound/') and (via := self.reaches_torch("include/" + path[1:], seen)):
                return via
        return None

    def torch(self):
        for name in self.code:
            folder = folder_of(name)
            if folder in ("core", "config", "run") or name.startswith(("include/defound/tasks/", "tools/")):
                if via := self.reaches_torch(name, set()):
                    self.fault("torch", name, f"includes torch{'' if via == name else ' through ' + via}: it must compile without")

    def libraries(self):
        for name, text in self.code.items():
            for line, path in includes(text):
                if path.startswith("<opencv2") and not re.fullmatch(r"src/image/opencv_\w+\.cpp", name):
                    self.fault("libraries", name, "OpenCV stands only in src/image/opencv_*.cpp", line)
                if path.startswith("<CLI/") and not name.startswith("tools/"):
                    self.fault("libraries", name, "CLI11 stands only in tools/", line)

    def printing(self):
        for name, text in self.code.items():
            if folder_of(name) is None or name in MAY_PRINT:
                continue
            for line, content in enumerate(NOISE.sub(blank, text).split("\n"), 1):
                if found := PRINTS.search(content):
                    self.fault("printing", name, f"'{found.group().strip()}': the library logs (core/log.h) and throws; tools print and exit", line)

    def length(self):
        lengths = []
        for name, text in self.texts.items():
            lines = text.count("\n")
            if name.endswith(CODE + (".py", ".sh")) and lines > FILE_LINES:
                self.fault("length", name, f"{lines} lines; at most {FILE_LINES}")
        for name, text in self.code.items():
            lines = text.count("\n")
            lengths.append(lines)
            if re.fullmatch(r"tools/defound-[\w-]+\.cpp", name) and lines > TOOL_LINES:
                self.fault("length", name, f"{lines} lines; a tool has at most {TOOL_LINES}")
            for first, last in functions(text):
                if last - first + 1 > FUNCTION_LINES:
                    self.fault("length", name, f"a function of {last - first + 1} lines; at most {FUNCTION_LINES}", first)
            for line, content in enumerate(text.split("\n"), 1):
                if len(content) > COLUMNS:
                    self.fault("length", name, f"{len(content)} columns; at most {COLUMNS}", line)
        if lengths and statistics.median(lengths) > MEDIAN_LINES:
            self.fault("length", "all code", f"the median file has {statistics.median(lengths)} lines; at most {MEDIAN_LINES}")

    def words(self):
        banned = re.compile("|".join((r"\b" if word[0] != "/" else "") + re.escape(word) + (r"\b" if word[-1] != "/" else "") for word in WORDS))
        for name, text in self.texts.items():
            for line, content in enumerate(text.split("\n"), 1):
                if found := banned.search(content):
                    self.fault("words", name, f"'{found.group()}'", line)

    def names(self):
        for name in self.code:
            path = Path(name)
            if VAGUE & set(re.split(r"[_\-.]", path.stem)) or VAGUE & set(path.parts[:-1]):
                self.fault("names", name, "name the file after its one idea")
            if name.endswith(".h") and "#pragma once" not in self.code[name]:
                self.fault("names", name, "a header needs #pragma once")
            if name.startswith("include/") and "///" not in self.code[name]:
                self.fault("names", name, "a public header says with /// what it offers")


def self_test():
    """One fault a file, each found by the rule named first and by no other."""
    ok = "/// Says what it is.\n"
    body = "".join(f"  x += {i};\n" for i in range(FUNCTION_LINES))
    faults = [
        ("top_level", "notes.txt", "x\n"), ("top_level", "src/extra/a.cpp", "int a;\n"),
        ("order", "src/core/a.cpp", '#include "defound/run/report.h"\n'), ("order", "src/nn/a.cpp", '#include "../core/log.h"\n'),
        ("torch", "src/run/a.cpp", "#include <torch/torch.h>\n"),
        ("torch", "include/defound/tasks/a.h", "#pragma once\n" + ok + '#include "defound/tensor/t.h"\n'),
        ("libraries", "src/data/a.cpp", "#include <opencv2/core.hpp>\n"), ("libraries", "src/config/a.cpp", "#include <CLI/CLI.hpp>\n"),
        ("printing", "src/nn/b.cpp", 'void f() { std::cout << 1; }\n'), ("printing", "src/nn/c.cpp", "void f() { exit(1); }\n"),
        ("length", "src/nn/d.cpp", f"namespace a {{\nA::A(int n) : n_{{n}}, m_{{n}} {{\n{body}}}\n}}\n"),
        ("length", "src/nn/e.cpp", f"struct A {{\n  int f(int x) {{\n{body}    return x;\n  }}\n}};\n"),
        ("length", "src/nn/f.cpp", "int a;\n" * (FILE_LINES + 1)), ("length", "src/nn/g.cpp", "// " + "x" * COLUMNS + "\n"),
        ("length", "tools/defound-a.cpp", "int a;\n" * (TOOL_LINES + 1)),
        ("words", "README.md", "a " + WORDS[0] + "\n"), ("words", "configs/a.json", '{"path": "' + WORDS[-1] + 'x"}\n'),
        ("names", "src/nn/" + "utils.cpp", "int a;\n"), ("names", "include/defound/nn/a.h", ok), ("names", "include/defound/nn/b.h", "#pragma once\n"),
    ]
    good = {
        "CMakeLists.txt": "x\n", ".gitignore": "build\n", "include/defound/tensor/t.h": "#pragma once\n" + ok + "#include <torch/torch.h>\n",
        "src/nn/ok.cpp": '// std::cout, exit(1)\n#include "defound/core/log.h"\n#include "near.h"\nconst char* text = "printf(";\nint on_exit(int);\n',
        "src/nn/near.h": "#pragma once\n", "src/image/opencv_a.cpp": "#include <opencv2/core.hpp>\n", "tools/cli.cpp": "#include <CLI/CLI.hpp>\n",
        "src/nn/long_class.cpp": "struct A {\n" + "  int f() { return 1; }\n" * 100 + "};\n",
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, text in list(good.items()) + [(name, text) for _, name, text in faults]:
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        subprocess.run(["git", "-C", folder, "init", "-q"], check=True, env=os.environ | {"GIT_CONFIG_GLOBAL": os.devnull})
        found = Checker(folder).check()
    expected = sorted((rule, name.split("/")[0] if name == "notes.txt" else name) for rule, name, _ in faults)
    seen = sorted((rule, message.split(":")[0]) for rule, message in found)
    for item in [f"not found: {e}" for e in expected if e not in seen] + [f"found wrongly: {s}" for s in seen if s not in expected]:
        print(item)
    return 0 if seen == expected else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--self_test", action="store_true")
    arguments = parser.parse_args()
    if arguments.self_test:
        return self_test()
    checker = Checker(arguments.root)
    for rule, message in sorted(checker.check(), key=lambda fault: fault[1]):
        print(f"{message}  [{rule}]")
    print(f"{len(checker.code)} code files, {len(checker.faults)} faults")
    return 1 if checker.faults else 0


if __name__ == "__main__":
    sys.exit(main())
