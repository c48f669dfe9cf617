"""Checks that changes which break clients are announced: compares the document with the last released one, by `oasdiff`.

    check.py OASDIFF            compares openapi/openapi.json with openapi/released/openapi.json
    check.py OASDIFF --prove    tests this check: breaks are found, and only an entry in the changelog lets them pass

A break is an error unless CHANGELOG.md has a section of a version after the released one, with a part "### Breaking". After a release, copy openapi/openapi.json to openapi/released/.
"""

import copy
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RELEASED = ROOT / "openapi/released/openapi.json"
CURRENT = ROOT / "openapi/openapi.json"
CHANGELOG = ROOT / "CHANGELOG.md"
# Changes that break generated clients, although oasdiff rates them as warnings or not at all.
LEVELS = ROOT / ".ci/compatibility/levels.txt"


def breaks(oasdiff, released, current):
    """Describes each change that breaks a client of the released document."""
    command = [oasdiff, "breaking", str(released), str(current), "--format", "json", "--severity-levels", str(LEVELS)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    found = json.loads(done.stdout or "[]") or []
    return [
        f"{change.get('operation', '')} {change.get('path', '')}: {change['text']} [{change['id']}]"
        for change in found
        if change["level"] == 3
    ]


def version(text):
    return tuple(int(part) for part in text.split("."))


def announces(changelog, released):
    """Whether a version after the released one announces a break."""
    sections = re.split(r"^## \[", changelog, flags=re.MULTILINE)[1:]
    for section in sections:
        number = re.match(r"(\d+\.\d+\.\d+)\]", section)
        if number and version(number[1]) > version(released) and re.search(r"^### Breaking\n+\S", section, re.MULTILINE):
            return True
    return False


def check(oasdiff):
    released = json.loads(RELEASED.read_text(encoding="utf-8"))["info"]["version"]
    found = breaks(oasdiff, RELEASED, CURRENT)
    for text in found:
        print(text)
    if not found:
        print(f"Nothing breaks the clients of {released}.")
    elif announces(CHANGELOG.read_text(encoding="utf-8"), released):
        print(f"{len(found)} breaks since {released}, announced in the changelog.")
    else:
        sys.exit(
            f"{len(found)} breaks since {released}. Take them back, or announce them in CHANGELOG.md: a section of a later "
            'version with a part "### Breaking".'
        )


def without(*path):
    def change(document):
        for key in path[:-1]:
            document = document[key]
        del document[path[-1]]

    return change


def renamed(document):
    document["paths"]["/api/v1/sectors"]["get"]["operationId"] = "sectorsList"


def required(document):
    document["components"]["schemas"]["NewSector"]["required"].append("vocabulary")


def added(document):
    document["components"]["schemas"]["NewSector"]["properties"]["more"] = {"type": "string", "maxLength": 5}


def prove(oasdiff):
    current = json.loads(CURRENT.read_text(encoding="utf-8"))
    cases = [
        ("an operation is removed", without("paths", "/api/v1/sectors", "get"), True),
        ("an operation has another id", renamed, True),
        ("a refusal is no longer documented", without("paths", "/api/v1/sectors", "post", "responses", "409"), True),
        ("a field is no longer returned", without("components", "schemas", "Milestone", "properties", "due_on"), True),
        ("a field becomes required", required, True),
        ("an optional field is added", added, False),
    ]
    with tempfile.TemporaryDirectory() as directory:
        for name, change, is_break in cases:
            document = copy.deepcopy(current)
            change(document)
            changed = Path(directory) / "changed.json"
            changed.write_text(json.dumps(document), encoding="utf-8")
            if bool(breaks(oasdiff, CURRENT, changed)) != is_break:
                sys.exit(f"{name}: {'not detected' if is_break else 'wrongly detected as a break'}")
    texts = [
        ("## [0.2.0] - 2030-01-01\n\n### Breaking\n\n- This.\n", True),
        ("## [0.2.0] - 2030-01-01\n\n### Added\n\n- This.\n", False),
        ("## [0.1.0] - 2030-01-01\n\n### Breaking\n\n- This.\n", False),
        ("## [Unreleased]\n\n### Breaking\n\n- This.\n", False),
    ]
    for text, is_announced in texts:
        if announces("# Changelog\n\n" + text, "0.1.0") != is_announced:
            sys.exit(f"{'not recognized' if is_announced else 'wrongly recognized'} as an announcement: {text}")
    print(f"{len(cases)} changes and {len(texts)} changelogs are assessed correctly.")


if __name__ == "__main__":
    if sys.argv[2:] == ["--prove"]:
        prove(sys.argv[1])
    elif len(sys.argv) == 2:
        check(sys.argv[1])
    else:
        sys.exit(__doc__)
