"""Checks the dependencies by deny.toml where cargo-deny and cargo-audit are not installed.

`rules` checks every dependency, on every platform and with every feature: its licence, its source, and whether it is
banned. `advisories DIRECTORY` compares the locked versions with a copy of the RustSec database.
`ignored` prints deny.toml's exceptions for cargo-audit.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

# The rules of deny.toml, and the advisories that it ignores.
RULES = tomllib.loads(Path("deny.toml").read_text("utf-8"))
IGNORED = [entry if isinstance(entry, str) else entry["id"] for entry in RULES["advisories"]["ignore"]]


def rules():
    command = ["cargo", "metadata", "--locked", "--all-features", "--format-version=1"]
    metadata = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    members = set(metadata["workspace_members"])
    packages = [package for package in metadata["packages"] if package["id"] not in members]
    allowed = set(RULES["licenses"]["allow"])
    banned = {ban["crate"] for ban in RULES["bans"].get("deny", [])}
    for package in packages:
        name = f"{package['name']} {package['version']}"
        licence = package["license"]
        if not licence or not is_allowed(licence, allowed):
            yield f"{name}: licence {licence or 'not declared'}"
        # Only the registry's index, at any address; neither git nor a path outside this repository.
        if not re.fullmatch(r"(registry|sparse)\+.*/crates\.io-index", package["source"] or "a path"):
            yield f"{name}: from {package['source'] or 'a path'}"
        if package["name"] in banned:
            yield f"{name}: banned"
    for package in metadata["packages"]:
        if package["id"] in members and any(dependency["req"] == "*" for dependency in package["dependencies"]):
            yield f"{package['name']}: depends on any version (*) of something"
    print(f"{len(packages)} dependencies: licences, sources and bans checked by .ci/dependencies.py")


def is_allowed(expression, allowed):
    """Whether an SPDX expression can be met with allowed licences; a slash is an old notation for OR."""
    expression = re.sub(r"\s*/\s*", " OR ", expression)
    tokens = re.findall(r"[()]|\bAND\b|\bOR\b|[^\s()]+(?: WITH [^\s()]+)?", expression)
    words = {"AND": "and", "OR": "or", "(": "(", ")": ")"}
    return eval(" ".join(words.get(token) or str(token in allowed) for token in tokens))


def advisories(database):
    count = 0
    for package in tomllib.loads(Path("Cargo.lock").read_text("utf-8"))["package"]:
        for file in sorted(Path(database, "crates", package["name"]).glob("*.md")):
            found = tomllib.loads(re.search(r"```toml\n(.*?)```", file.read_text("utf-8"), re.DOTALL)[1])
            advisory, versions = found["advisory"], found["versions"]
            count += 1
            safe = [*versions.get("patched", []), *versions.get("unaffected", [])]
            if advisory["id"] in IGNORED or "withdrawn" in advisory:
                continue
            if any(matches(package["version"], requirement) for requirement in safe):
                continue
            name, patched = f"{package['name']} {package['version']}", ", ".join(versions.get("patched", []))
            line = f"{name}: {advisory['id']}, patched in: {patched or 'no version'}"
            # Like cargo-audit: an unmaintained crate is a note, not a failure.
            if advisory.get("informational") in ("unmaintained", "notice"):
                print(f"note: {line} ({advisory['informational']})")
            else:
                yield line
    print(f"{count} advisories checked by .ci/dependencies.py")


def ignored():
    """Prints the ignored advisories as options of cargo-audit, which does not read deny.toml."""
    print(*[f"--ignore={advisory}" for advisory in IGNORED])
    return []


def matches(version, requirement):
    return all(compares(number(version), comparator.strip()) for comparator in requirement.split(","))


def compares(version, comparator):
    operator, text = re.fullmatch(r"(>=|<=|>|<|=|\^|~)?\s*(.+)", comparator).groups()
    bound = number(text)
    match operator:
        case ">=":
            return version >= bound
        case "<=":
            return version <= bound
        case ">":
            return version > bound
        case "<":
            return version < bound
        case "=":
            return version == bound
    # Compatible versions share everything up to the first part that is not zero (^), or the minor part (~).
    parts = bound[:3]
    same = 2 if operator == "~" else next((index for index, part in enumerate(parts) if part), 2) + 1
    return version >= bound and version[:same] == bound[:same]


def number(text):
    """A version as a sortable tuple: a pre-release comes before its release; build metadata is ignored."""
    text, _, prerelease = text.partition("+")[0].partition("-")
    parts = [int(part) for part in text.split(".")]
    identifiers = [(0, int(i), "") if i.isdigit() else (1, 0, i) for i in prerelease.split(".") if i]
    return (*parts, *[0] * (3 - len(parts)), not prerelease, identifiers)


def main():
    faults = list({"rules": rules, "advisories": advisories, "ignored": ignored}[sys.argv[1]](*sys.argv[2:]))
    print(*faults, sep="\n", end="\n" if faults else "")
    sys.exit(bool(faults))


main()
