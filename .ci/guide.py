"""Writes the example of docs/adding-a-resource.md into a copy of the tracked files, with one test target for it.

`guide.py DIRECTORY` copies the files and writes the blocks with `title="PATH"` into them:

- A block is a whole new file. `NNNN` in its path is the next free number of a migration, `MMMM` the one after it, and `{a,b}` makes a
  file for each.
- A `diff` block changes the file, or makes it `from` another one. Its hunks, which `@@` separates, have no line numbers: the lines
  that it keeps and removes must be in the file exactly once.

Files that are written before and have not changed keep their time of change, so that Cargo compiles them once.
"""

import re
import subprocess
import sys
from pathlib import Path

PAGES = ["docs/adding-a-resource.md", "docs/adding-a-resource.zh-CN.md"]
BLOCK = re.compile(r'^```(\w+) title="([^"]+)"(?: from="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
# The page's limit of Rust in the folder.
MOST_LINES = 200
# The numbers in the page's first table: files outside the folder, lines of Rust, places of a column.
COUNTED = re.compile(r"\| (\d+) \|$", re.MULTILINE)
TARGET = """[[test]]
name = "guide"
path = "tests/guide.rs"
"""
TESTS = """#![allow(dead_code, unused_imports)]

mod common;
#[path = "api/kinds.rs"]
mod kinds;
mod schema;
#[path = "api/visits.rs"]
mod visits;
"""


def changed(text, diff, path):
    """The text of a file after a diff block."""
    for hunk in diff.split("@@\n"):
        lines = [line if line.strip() else " \n" for line in hunk.splitlines(keepends=True)]
        if unknown := [line for line in lines if line[0] not in " -+"]:
            sys.exit(f"{path}: {unknown} are no lines of a diff block")
        before = "".join(line[1:] for line in lines if line[0] in " -")
        after = "".join(line[1:] for line in lines if line[0] in " +")
        # At the beginning of a line.
        if f"\n{text}".count(f"\n{before}") != 1:
            sys.exit(f"{path} must have these lines once:\n{before}")
        text = f"\n{text}".replace(f"\n{before}", f"\n{after}", 1)[1:]
    return text


def expanded(path, number):
    """The paths that a title stands for."""
    path = path.replace("NNNN", f"{number:04}").replace("MMMM", f"{number + 1:04}")
    if choice := re.search(r"{(.*)}", path):
        return [path.replace(choice[0], one) for one in choice[1].split(",")]
    return [path]


def next_number():
    numbers = [int(path.name.split("_")[0]) for path in Path("migrations/sqlite").iterdir()]
    return max(numbers) + 1


def main(directory):
    english, chinese = (Path(page).read_text("utf-8") for page in PAGES)
    blocks = BLOCK.findall(english)
    if not blocks or len(blocks) != english.count('title="'):
        sys.exit(f"{PAGES[0]} has blocks that are not understood")
    if blocks != BLOCK.findall(chinese):
        sys.exit(f"{PAGES[0]} and {PAGES[1]} have different blocks")

    tracked = subprocess.run(["git", "ls-files", "-z"], check=True, stdout=subprocess.PIPE).stdout
    names = [name for name in tracked.decode().split("\0") if name and Path(name).is_file()]
    files = {name: Path(name).read_bytes() for name in names}
    number = next_number()
    rust, outside = 0, set()
    for language, title, source, block in blocks:
        for path in expanded(title, number):
            text = block
            if language == "diff":
                [was] = expanded(source or path, number)
                text = changed(files[was].decode(), block, was)
            elif path in files:
                sys.exit(f"{path} exists already")
            if path in names:
                outside.add(path)
            elif path.startswith("src/") and language == "rust":
                rust += len(text.splitlines())
            files[path] = text.encode()
    # The file of the tables is generated; the test of the schema compares it.
    outside.discard("src/db/schema.rs")
    for page, name in zip((english, chinese), PAGES):
        if [int(count) for count in COUNTED.findall(page)[:2]] != [len(outside), rust]:
            sys.exit(f"{name} must state {len(outside)} files outside the folder and {rust} lines of Rust")
    if rust > MOST_LINES:
        sys.exit(f"the example has {rust} lines of Rust, more than {MOST_LINES}")

    manifest = files["Cargo.toml"].decode()
    suite = '[[test]]\nname = "suite"\npath = "tests/main.rs"\n'
    if suite not in manifest:
        sys.exit("Cargo.toml has no target of the tests")
    files["Cargo.toml"] = manifest.replace(suite, TARGET).encode()
    files["tests/guide.rs"] = TESTS.encode()

    for path in directory.rglob("*"):
        if path.is_file() and str(path.relative_to(directory)) not in {*files, "Cargo.lock"}:
            path.unlink()
    for path, text in files.items():
        path = directory / path
        if not path.is_file() or path.read_bytes() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)
    print(f"{len(blocks)} blocks, {rust} lines of Rust in the folder, {len(outside)} other file changed by hand")


main(Path(sys.argv[1]))
