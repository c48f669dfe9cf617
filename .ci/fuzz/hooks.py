"""What the contract cannot say to a fuzzer, and what it promises beyond a schema.

The first half turns requests that are valid on paper into requests that reach the service's logic: references that
exist, codes nobody took, a precondition that holds. It touches only values that are valid as generated, so a request
made wrong on purpose stays wrong. Reading uses the seed's records; changing and deleting use records made for it, so
that the seed stays whole to the end.

The second half checks promises that the built-in checks do not know. `schemathesis.toml` has the rest.
"""

import copy
import datetime
import itertools
import os
import re
import secrets
import zlib
from urllib.parse import parse_qs, urlsplit

import requests
import schemathesis
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import REQUEST_SHAPE_PROBES, CoverageScenario, TestPhase, coverage_scenario
from schemathesis.specs.openapi.checks import use_after_free

SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}
# What a reference or a code looks like. Anything else in its place was made wrong on purpose.
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
# A run's codes: never taken before, however often the same database is fuzzed.
RUN = f"fz{secrets.token_hex(3)}"
SERIAL = itertools.count()
# The id of each code of this run. In a chain of requests a record goes by its id, as what was done to one name of it
# would not be known of the other: deleted by its code, it is rightly gone by its id.
IDS = {}

# What takes a file, and a file without records, which is no fault.
IMPORTS = "/api/v1/imports"
NOTHING = b"{}"
CALENDAR_KEYS = "/api/v1/calendar-keys"
WEBHOOKS = "/api/v1/webhooks"
# There are 100 at most: of so many some are deleted.
WEBHOOKS_MANY = 60
AUDIT_EVENTS = "/api/v1/audit-events"

# Fields and filters that refer to a record of their owner's kind.
OF_THEIR_KIND = {"parent", "reverses", "supersedes"}
# Where the records live that other fields of a body or filters of a list refer to.
REFERENCES = {
    "agreement": "agreements",
    "commitment": "commitments",
    "conference": "conferences",
    "depends_on": "milestones",
    "document": "documents",
    "focus": "sectors",
    "fund": "funds",
    "host_region": "regions",
    "hosting": "organizations",
    "location": "regions",
    "member": "regions",
    "milestone": "milestones",
    "organization": "organizations",
    "pairing": "pairings",
    "pairings": "pairings",
    "programme": "programmes",
    "project": "projects",
    "provider": "organizations",
    "prune": "pairings",
    "receiver": "organizations",
    "recipient": "regions",
    "recipient_organization": "organizations",
    "region": "regions",
    "responsible": "organizations",
    "sector": "sectors",
    "sectors": "sectors",
    "sending": "organizations",
    "supporter": "regions",
    "supporter_organization": "organizations",
}

# The faults (`errors[].code`) that the service finds by the schema alone, see `src/contract.rs`. All others are rules
# that no schema can say: a reference that is not there, an end before its start. `required`, `too_few` and `too_many`
# are not among them, because they are said of conditions, too: a reason where the due date moves, two parties where it
# is signed, no more names than the headcount.
SCHEMA_FAULTS = {
    "enum",
    "format",
    "invalid",
    "nul",
    "pattern",
    "too_large",
    "too_long",
    "too_short",
    "too_small",
    "type",
    "unknown_field",
}


class Service:
    """The running service, as its contract describes it: what it holds, and how to add to it."""

    def __init__(self, contract):
        self.contract = contract
        self.paths = contract["paths"]
        self.origin = os.environ["FUZZ_URL"].rstrip("/")
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {os.environ['FUZZ_KEY']}"
        # What the seed brought, before anything is added or deleted; one record of what it lacks, once that is named.
        self.seed = {path: self.items(path) for path in self.paths if self.is_collection(path)}

    def is_collection(self, path):
        below = re.compile(re.escape(path) + r"/\{[^/]+\}")
        return "get" in self.paths[path] and "{" not in path and any(map(below.fullmatch, self.paths))

    def items(self, url):
        answer = self.session.get(self.origin + url, params={"limit": 100}, timeout=10)
        answer.raise_for_status()
        return answer.json()["items"]

    def reference(self, collection, value):
        """A record in the place of `value`: the same one for the same value, by its code or by its id. A seeded one;
        where the seed has none, one that is made for all who ask."""
        path = next((path for path in self.seed if path.endswith(f"/{collection}")), None)
        if path is None:
            return value
        known = self.seed[path]
        if not known:
            known.append(self.create(path, path))
        if any(value in (item["code"], str(item["id"])) for item in known):
            return value
        pick = zlib.crc32(value.encode())
        item = known[pick % len(known)]
        return str(item["id"]) if pick % 5 == 0 else item.get("code") or str(item["id"])

    def example(self, path):
        """The contract's own example of what to POST to a collection."""
        media = self.paths[path]["post"]["requestBody"]["content"]["application/json"]
        if "example" in media:
            return media["example"]
        if "examples" in media:
            return next(iter(media["examples"].values()))["value"]
        schema = self.contract["components"]["schemas"][media["schema"]["$ref"].rsplit("/", 1)[1]]
        return schema["example"] if "example" in schema else schema["examples"][0]

    def create(self, path, url):
        """A record of its own for a request that changes or deletes it: the contract's example with a fresh code."""
        if path == IMPORTS:
            return self.send_nothing()
        if path == WEBHOOKS:
            self.make_room()
        body = keep_rules(settle(copy.deepcopy(self.example(path)), path), path)
        answer = self.session.post(self.origin + url, json=body, timeout=10)
        if answer.status_code != 201:
            raise AssertionError(f"POST {url} refuses the contract's example: {answer.status_code} {answer.text}")
        return created(answer)

    def make_room(self):
        """Deletes the oldest webhooks where there are many."""
        there = self.items(WEBHOOKS + "?sort=id")
        for webhook in there[:-1] if len(there) > WEBHOOKS_MANY else []:
            self.session.delete(f"{self.origin}{WEBHOOKS}/{webhook['id']}", headers={"If-Match": "*"}, timeout=10)

    def send_nothing(self):
        """An import of a file without records."""
        headers = {"Content-Type": "application/json", "Prefer": "wait=10"}
        answer = self.session.post(self.origin + IMPORTS, data=NOTHING, headers=headers, timeout=20)
        if answer.status_code != 201:
            raise AssertionError(f"POST {IMPORTS} refuses an empty bundle: {answer.status_code} {answer.text}")
        return answer.json()

    def resolve(self, path, names, *, own):
        """Values for parameters of a path that name records which are there: seeded ones, or new ones if `own`."""
        values, url, template = {}, "", ""
        for segment in path.strip("/").split("/"):
            if segment.startswith("{"):
                name = segment.strip("{}")
                item = self.record(template, url, own=own) if name in names else None
                if item is None:
                    return values
                values[name] = str(item["id"] if own else item.get("code") or item["id"])
                url += f"/{values[name]}"
            else:
                url += f"/{segment}"
            template += f"/{segment}"
        return values

    def record(self, template, url, *, own):
        operations = self.paths.get(template, {})
        seeded = self.seed.get(template)
        if template == CALENDAR_KEYS:
            # Made under the pairing whose calendar they open.
            pairing = self.seed["/api/v1/pairings"][0]["code"]
            return self.create("/api/v1/pairings/{ref}/calendar-keys", f"/api/v1/pairings/{pairing}/calendar-keys")
        if "post" in operations and (own or not seeded):
            return self.create(template, url)
        if "get" in operations:
            return next(iter(seeded or self.items(url)), None)
        return None

    def upload(self, url):
        """A file for a document, as the seed brings none; refused when the document is gone or has one already."""
        headers = {"Content-Type": "application/pdf", "If-Match": "*"}
        answer = self.session.put(self.origin + url, data=b"%PDF-1.4\n", headers=headers, timeout=10)
        if not answer.ok and answer.status_code not in (404, 409):
            raise AssertionError(f"PUT {url} refuses a PDF: {answer.status_code} {answer.text}")

    def make_ready(self, url, change):
        """Brings a record into the state that an action on it needs."""
        answer = self.session.patch(self.origin + url, json=change, headers={"If-Match": "*"}, timeout=10)
        if not answer.ok:
            raise AssertionError(f"PATCH {url} refuses {change}: {answer.status_code} {answer.text}")


@schemathesis.hook
def after_load_schema(context, schema):
    global here
    here = Service(schema.raw_schema)


def created(answer):
    """The record that a POST made: a key is told together with its secret, and so is a webhook."""
    body = answer.json()
    for name in ("key", "webhook"):
        if isinstance(body, dict) and isinstance(body.get(name), dict):
            return body[name]
    return body


def fresh(code):
    """A code that nobody took, as long as the generated one where that is long enough to be fresh."""
    token = f"{RUN}{next(SERIAL):05d}"
    return token + code[len(token) :]


def owner_of(path):
    """The kind of record that a path is about: its last segment that is no parameter."""
    return next(segment for segment in reversed(path.split("/")) if not segment.startswith("{"))


def settle(value, path, name=None):
    """A body, or a part of one, whose references exist and whose code is free."""
    if isinstance(value, dict):
        return {key: settle(item, path, key) for key, item in value.items()}
    if isinstance(value, list):
        return [settle(item, path, name) for item in value]
    if not isinstance(value, str) or not SLUG.fullmatch(value):
        return value
    if name == "code":
        return fresh(value)
    if name == "division_code":
        return f"{secrets.randbelow(10**12):012d}"
    if name in OF_THEIR_KIND:
        return here.reference(owner_of(path), value)
    return here.reference(REFERENCES[name], value) if name in REFERENCES else value


# Two days of which the second is not before the first, and days that are not in the future.
PERIODS = (
    ("starts_on", "ends_on"),
    ("starts_on", "due_on"),
    ("from_on", "to_on"),
    ("effective_on", "expires_on"),
    ("established_on", "ended_on"),
    ("planned_start_on", "planned_end_on"),
    ("actual_start_on", "actual_end_on"),
)
PAST = ("signed_on", "held_on", "met_on", "done_on", "actual_start_on", "actual_end_on")
# Fields that go with few others: left out of six bodies in seven, so that most get by and some are refused for them.
RARE = {
    "milestones": ("project",),
    "progress-reports": ("supersedes", "return_note"),
    "resolutions": ("commitment", "milestone", "done_on"),
}

# The change that makes a new record ready for what is done to it by a path of this name.
READY = {
    "approve": {"status": "submitted"},
    "confirmations": {"status": "met", "met_on": "2022-06-30"},
    "return": {"status": "submitted"},
}


def keep_rules(body, path):
    """A body that keeps the commonest rules beyond the schema, where it would break them by mere chance."""
    if not isinstance(body, dict):
        return body
    owner = owner_of(path)
    if next(SERIAL) % 7:
        for name in RARE.get(owner, ()):
            body.pop(name, None)
    today = datetime.date.today().isoformat()
    for name in PAST:
        if isinstance(body.get(name), str) and body[name] > today:
            body[name] = today
    for first, second in PERIODS:
        start, end = body.get(first), body.get(second)
        if isinstance(start, str) and isinstance(end, str) and end < start:
            body[first], body[second] = end, start
    if "period_start_on" in body or "period_end_on" in body:
        # Approved periods of one commitment never overlap.
        day = (datetime.date(1900, 1, 1) + datetime.timedelta(days=next(SERIAL))).isoformat()
        body.update(period_start_on=day, period_end_on=day)
    if owner == "milestones" and next(SERIAL) % 7:
        # It belongs to an agreement or a project, was met only if its status says so, and moves for a reason.
        if body.get("agreement", "") is None and not body.get("project"):
            body["agreement"] = here.seed["/api/v1/agreements"][0]["code"]
        if body.get("met_on") and body.get("status") != "met":
            body["met_on"] = None
        if "due_on" in body and not body.get("reason"):
            body["reason"] = "顺延"
    if owner == "agreements" and path.endswith("}") and next(SERIAL) % 7:
        # Its status is never taken back, and a signed one has parties of both sides of its pairing.
        if body.get("status", "") is None:
            del body["status"]
        body.pop("pairing", None)
        body.pop("parties", None)
    if owner == "progress-reports":
        # It says something, and stands as a new one or the next after it may.
        words = body.get("narrative")
        if not isinstance(body.get("value"), str) and not (isinstance(words, str) and words.strip()):
            body["narrative"] = "进展"
        if path.endswith("}") and "status" in body:
            body["status"] = "submitted"
        elif body.get("status") == "returned":
            body["status"] = "draft"
    if isinstance(body.get("sequence_number"), int):
        # Unique in its pairing, as a code is in its kind.
        body["sequence_number"] = 1000 + next(SERIAL)
    if owner == "api-keys":
        # An administrator's key names no pairings; no key is made that has expired.
        if body.get("role") == "admin":
            body.pop("pairings", None)
        if isinstance(body.get("expires_on"), str):
            body["expires_on"] = max(body["expires_on"], today)
    if owner == "webhooks" and isinstance(body.get("url"), str):
        # A name that nobody has: it is taken, and nothing is sent there.
        body["url"] = "https://oa.example.org/hooks"
    if owner == "liaisons" and not any(body.get(name) for name in ("name", "title", "body", "organization")):
        body["name"] = "某领导"
    if owner == "pairings" and isinstance(body.get("members"), list):
        regions = here.seed["/api/v1/regions"]
        for index, member in enumerate(body["members"][: len(regions)]):
            member.update(region=regions[index]["code"], role="recipient" if index else "supporter", is_lead=False)
        body["members"] = body["members"][: len(regions)]
    return body


def is_wrong(case, location, name):
    """Whether a parameter was left out, or made wrong, on purpose."""
    parameter = case.operation.get_parameter_set(location).get(name)
    if parameter is None:
        return True
    if coverage_scenario(case) is CoverageScenario.MISSING_PARAMETER and case.meta.phase.data.parameter == name:
        return True
    value = case.get_container(location).get(name)
    if value is None:
        return False
    # Numbers travel as text.
    readings = [value, int(value)] if re.fullmatch(r"-?\d{1,18}", str(value)) else [value]
    return not any(map(parameter.get_validator().is_valid, readings))


@schemathesis.hook
def before_call(context, case, kwargs):
    method = case.method.upper()
    is_file = method == "GET" and case.path.endswith("/content")

    # Records that exist. What a link of the stateful phase brought stays: it is the record under test.
    linked = case._override.path_parameters if case.meta and case.meta.phase.name is TestPhase.STATEFUL else {}
    for name, value in linked.items():
        case.path_parameters[name] = str(IDS.get(str(value), value))
    unlinked = case.path_parameters.keys() - linked.keys()
    names = {name for name in unlinked if not is_wrong(case, ParameterLocation.PATH, name)}
    if names:
        case.path_parameters.update(here.resolve(case.path, names, own=method not in SAFE or is_file))
    if is_file and (names or linked):
        here.upload(case.formatted_path)
    record, _, action = case.formatted_path.rpartition("/")
    if method == "POST" and names and action in READY:
        here.make_ready(record, READY[action])

    if isinstance(case.query, dict):
        # A cursor is opaque, and good for one filter and sort: a generated one is refused (400). Tests cover paging.
        if "cursor" in case.query and not is_wrong(case, ParameterLocation.QUERY, "cursor"):
            del case.query["cursor"]
        for name in case.query.keys() & (REFERENCES.keys() | OF_THEIR_KIND):
            case.query[name] = settle(case.query[name], case.path, name)

        # The key of a calendar cannot be made up; the requests bring the key that may do everything.
        if case.path.endswith(".ics") and not is_wrong(case, ParameterLocation.QUERY, "key"):
            case.query.pop("key", None)
        # Of what is sent or filled in: one of the resources, which a schema that grows with them would have to list.
        if case.path.startswith(IMPORTS) and "resource" in case.query:
            if not is_wrong(case, ParameterLocation.QUERY, "resource"):
                several = isinstance(case.query["resource"], list)
                case.query["resource"] = ["milestones"] if several else "milestones"

    if case.path == AUDIT_EVENTS and isinstance(case.query, dict):
        # Which parameters go together no schema can say either.
        right = {name for name in case.query if not is_wrong(case, ParameterLocation.QUERY, name)}
        if "record" in right:
            case.query.update(entity="pairing", record=here.seed["/api/v1/pairings"][0]["code"])
        # A stream goes on for minutes, so that it is followed in the tests of the service alone.
        if str(case.query.get("follow")).lower() == "true":
            del case.query["follow"]

    if case.path == IMPORTS and method == "POST" and not (case.meta and case.meta.generation.mode.is_negative):
        # Bytes that are no file are refused (415), and so is nothing at all.
        case.query = {**(case.query or {}), "file_name": "bundle.json"}
        case.body = NOTHING

    # An edited set of headers counts as valid again, so a request without its key on purpose keeps the ones it has.
    if not case.operation.schema.is_security_param_negated(case):
        # Any version: a generated ETag never matches (412).
        declared = {parameter.name for parameter in case.operation.headers}
        if "If-Match" in declared and not is_wrong(case, ParameterLocation.HEADER, "If-Match"):
            case.headers["If-Match"] = "*"
        # A key that was used with another body is refused (422).
        if "Idempotency-Key" in case.headers and not is_wrong(case, ParameterLocation.HEADER, "Idempotency-Key"):
            case.headers["Idempotency-Key"] = secrets.token_hex(16)

    if isinstance(case.body, dict | list):
        case.body = settle(case.body, case.path)
        is_meant_wrong = case.meta is not None and case.meta.generation.mode.is_negative
        if not is_meant_wrong:
            case.body = keep_rules(case.body, case.path)


@schemathesis.hook
def after_call(context, case, response):
    if response.status_code == 201:
        record = created(response)
        if isinstance(record, dict) and "id" in record and "code" in record:
            IDS[record["code"]] = record["id"]


@schemathesis.check
def nothing_but_history_survives_deletion(ctx, response, case):
    """The built-in check `use_after_free`, which cannot be told that a record's history stays, and is left out for this."""
    if not case.path.endswith("/history"):
        use_after_free(ctx, response, case)


@schemathesis.check
def every_answer_is_dressed(ctx, response, case):
    """Answers of every kind, errors too, forbid guessing their type and can be found in the log."""
    for name in ("x-content-type-options", "x-request-id"):
        assert name in response.headers, f"no {name} in a {response.status_code}"


@schemathesis.check
def every_error_is_a_problem(ctx, response, case):
    """Errors are problem documents (RFC 9457), also those that no operation declares, such as 405."""
    if response.status_code < 400:
        return
    media_type = response.headers.get("content-type", [""])[0].split(";")[0]
    assert media_type == "application/problem+json", f"a {response.status_code} of type {media_type!r}"
    if response.request.method == "HEAD":
        return
    problem = response.json()
    missing = {"type", "title", "status", "code", "request_id"} - problem.keys()
    assert not missing, f"a problem without {sorted(missing)}"
    assert problem["status"] == response.status_code, f"status {problem['status']} in a {response.status_code}"


@schemathesis.check
def unknown_query_parameters_are_refused(ctx, response, case):
    """The built-in check forgives services that ignore what they do not know; this one promises a 400."""
    if coverage_scenario(case) in REQUEST_SHAPE_PROBES or not isinstance(case.query, dict):
        return
    # What was sent, not what was generated: the client leaves out a parameter without a name.
    sent = parse_qs(urlsplit(response.request.url).query, keep_blank_values=True).keys()
    unknown = sent - {parameter.name for parameter in case.operation.query}
    if unknown:
        assert 400 <= response.status_code < 500, f"{sorted(unknown)} accepted with {response.status_code}"


@schemathesis.check
def rules_are_beyond_the_schema(ctx, response, case):
    """A body that fits its schema is refused for a rule that no schema can say, or not at all."""
    if response.status_code != 422 or case.meta is None or case.meta.generation.mode.is_negative:
        return
    if coverage_scenario(case) in REQUEST_SHAPE_PROBES:
        return
    said = {fault["code"] for fault in response.json()["errors"]}
    assert said, "a 422 that names no fault"
    assert not said & SCHEMA_FAULTS, f"{sorted(said & SCHEMA_FAULTS)}, although the body fits the published schema"
