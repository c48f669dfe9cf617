"""Fuzzing hooks: rules that a schema cannot express, and checks beyond the schema.

The first half adjusts schema-valid requests so that they reach the service's logic: existing references, unused codes,
a precondition that holds. It changes only values that are valid as generated, so a deliberately invalid request stays
invalid. Reads use the seed's records; changes and deletions use records created for them, so that the seed stays
complete.

The second half adds checks that Schemathesis does not have. `schemathesis.toml` has the configuration.
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
# The form of a reference or code. Any other value in its place is deliberately invalid.
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
# The prefix of a run's codes, unique even if the same database is fuzzed repeatedly.
RUN = f"fz{secrets.token_hex(3)}"
SERIAL = itertools.count()
# The id of each code of this run. In a chain of requests records are addressed by id: Schemathesis does not relate the
# two, and would report a record that was deleted by its code and is gone by its id.
IDS = {}

# The operation that takes a file, and a valid file without records.
IMPORTS = "/api/v1/imports"
EMPTY_FILE = b"{}"
CALENDAR_KEYS = "/api/v1/calendar-keys"
WEBHOOKS = "/api/v1/webhooks"
# Above this number all but the newest are deleted. Every webhook makes a delivery of every change, which takes more of the
# service's time than the change itself.
WEBHOOKS_MANY = 16
WEBHOOKS_KEPT = 8
AUDIT_EVENTS = "/api/v1/audit-events"

# Fields and filters that refer to a record of the same kind.
OF_THEIR_KIND = {"parent", "reverses", "supersedes"}
# The collections that other fields of a body or filters of a list refer to.
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

# The faults (`errors[].code`) that follow from the schema alone, see `src/validation`. All others are rules that no
# schema can express: an unknown reference, an end before its start. `required`, `too_few` and `too_many` are left out,
# because they are also used for conditions: a reason when the due date moves, two parties when an agreement is signed,
# no more names than the headcount.
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
    """The running service: reads and creates records as its document describes."""

    def __init__(self, contract):
        self.contract = contract
        self.paths = contract["paths"]
        self.origin = os.environ["FUZZ_URL"].rstrip("/")
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {os.environ['FUZZ_KEY']}"
        # The seeded records, before any change; for a kind without any, one record is added when it is referred to.
        self.seed = {path: self.items(path) for path in self.paths if self.is_collection(path)}

    def is_collection(self, path):
        below = re.compile(re.escape(path) + r"/\{[^/]+\}")
        return "get" in self.paths[path] and "{" not in path and any(map(below.fullmatch, self.paths))

    def items(self, url):
        response = self.session.get(self.origin + url, params={"limit": 100}, timeout=10)
        response.raise_for_status()
        return response.json()["items"]

    def reference(self, collection, value):
        """A reference that replaces `value`, by code or by id: always the same record for the same value. A seeded one, or
        one that is created once where the seed has none."""
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
        """The document's example of a body for POST to a collection."""
        media = self.paths[path]["post"]["requestBody"]["content"]["application/json"]
        if "example" in media:
            return media["example"]
        if "examples" in media:
            return next(iter(media["examples"].values()))["value"]
        schema = self.contract["components"]["schemas"][media["schema"]["$ref"].rsplit("/", 1)[1]]
        return schema["example"] if "example" in schema else schema["examples"][0]

    def create(self, path, url):
        """A new record for a request that changes or deletes it: the document's example with an unused code."""
        if path == IMPORTS:
            return self.send_empty_file()
        if path == WEBHOOKS:
            self.make_room()
        body = keep_rules(resolve_references(copy.deepcopy(self.example(path)), path), path)
        response = self.session.post(self.origin + url, json=body, timeout=10)
        if response.status_code != 201:
            raise AssertionError(f"POST {url} refuses the document's example: {response.status_code} {response.text}")
        return created(response)

    def make_room(self):
        """Deletes the oldest webhooks where there are many."""
        there = self.items(WEBHOOKS + "?sort=id")
        for webhook in there[:-WEBHOOKS_KEPT] if len(there) > WEBHOOKS_MANY else []:
            self.session.delete(f"{self.origin}{WEBHOOKS}/{webhook['id']}", headers={"If-Match": "*"}, timeout=10)

    def send_empty_file(self):
        """An import of a file without records."""
        headers = {"Content-Type": "application/json", "Prefer": "wait=10"}
        response = self.session.post(self.origin + IMPORTS, data=EMPTY_FILE, headers=headers, timeout=20)
        if response.status_code != 201:
            raise AssertionError(f"POST {IMPORTS} refuses an empty bundle: {response.status_code} {response.text}")
        return response.json()

    def resolve(self, path, names, *, own):
        """Values for path parameters that refer to existing records: seeded ones, or new ones if `own`."""
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
            # They are created under their pairing.
            pairing = self.seed["/api/v1/pairings"][0]["code"]
            return self.create("/api/v1/pairings/{ref}/calendar-keys", f"/api/v1/pairings/{pairing}/calendar-keys")
        if "post" in operations and (own or not seeded):
            return self.create(template, url)
        if "get" in operations:
            return next(iter(seeded or self.items(url)), None)
        return None

    def upload(self, url):
        """Attaches a file to a document, as the seed has none; refused if the document is deleted or already has one."""
        headers = {"Content-Type": "application/pdf", "If-Match": "*"}
        response = self.session.put(self.origin + url, data=b"%PDF-1.4\n", headers=headers, timeout=10)
        if not response.ok and response.status_code not in (404, 409):
            raise AssertionError(f"PUT {url} refuses a PDF: {response.status_code} {response.text}")

    def make_ready(self, url, change):
        """Brings a record into the state that an action requires."""
        response = self.session.patch(self.origin + url, json=change, headers={"If-Match": "*"}, timeout=10)
        if not response.ok:
            raise AssertionError(f"PATCH {url} refuses {change}: {response.status_code} {response.text}")


@schemathesis.hook
def after_load_schema(context, schema):
    global here
    here = Service(schema.raw_schema)


def created(response):
    """The record that a POST created; keys and webhooks are returned together with their secret."""
    body = response.json()
    for name in ("key", "webhook"):
        if isinstance(body, dict) and isinstance(body.get(name), dict):
            return body[name]
    return body


def fresh(code):
    """An unused code, as long as the generated one if that is long enough."""
    token = f"{RUN}{next(SERIAL):05d}"
    return token + code[len(token) :]


def owner_of(path):
    """The kind of a path's records: its last segment that is no parameter."""
    return next(segment for segment in reversed(path.split("/")) if not segment.startswith("{"))


def resolve_references(value, path, name=None):
    """A body, or a part of one, with existing references and an unused code."""
    if isinstance(value, dict):
        return {key: resolve_references(item, path, key) for key, item in value.items()}
    if isinstance(value, list):
        return [resolve_references(item, path, name) for item in value]
    if not isinstance(value, str) or not SLUG.fullmatch(value):
        return value
    if name == "code":
        return fresh(value)
    if name == "division_code":
        return f"{secrets.randbelow(10**12):012d}"
    if name in OF_THEIR_KIND:
        return here.reference(owner_of(path), value)
    return here.reference(REFERENCES[name], value) if name in REFERENCES else value


# Pairs of dates of which the second is not before the first, and dates that are not in the future.
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
# Fields that exclude many others: removed from six bodies in seven, so that most bodies are accepted.
RARE = {
    "milestones": ("project",),
    "progress-reports": ("supersedes", "return_note"),
    "resolutions": ("commitment", "milestone", "done_on"),
}

# The change of a new record that an action with this name requires.
READY = {
    "approve": {"status": "submitted"},
    "confirmations": {"status": "met", "met_on": "2022-06-30"},
    "return": {"status": "submitted"},
}


def keep_rules(body, path):
    """A body changed to satisfy the most common rules beyond the schema, which random values would rarely do."""
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
        # A milestone has an agreement or a project, `met_on` only if its status is met, and a reason for a new due date.
        if body.get("agreement", "") is None and not body.get("project"):
            body["agreement"] = here.seed["/api/v1/agreements"][0]["code"]
        if body.get("met_on") and body.get("status") != "met":
            body["met_on"] = None
        if "due_on" in body and not body.get("reason"):
            body["reason"] = "顺延"
    if owner == "agreements" and path.endswith("}") and next(SERIAL) % 7:
        # The status cannot be cleared, and a signed agreement has parties of both sides of its pairing.
        if body.get("status", "") is None:
            del body["status"]
        body.pop("pairing", None)
        body.pop("parties", None)
    if owner == "progress-reports":
        # A report has a value or a narrative, and a status that the transition allows.
        words = body.get("narrative")
        if not isinstance(body.get("value"), str) and not (isinstance(words, str) and words.strip()):
            body["narrative"] = "进展"
        if path.endswith("}") and "status" in body:
            body["status"] = "submitted"
        elif body.get("status") == "returned":
            body["status"] = "draft"
    if isinstance(body.get("sequence_number"), int):
        # Unique in its pairing.
        body["sequence_number"] = 1000 + next(SERIAL)
    if owner == "api-keys":
        # An administrator's key has no pairings, and no key may be created as expired.
        if body.get("role") == "admin":
            body.pop("pairings", None)
        if isinstance(body.get("expires_on"), str):
            body["expires_on"] = max(body["expires_on"], today)
    if owner == "webhooks" and isinstance(body.get("url"), str):
        # A host that does not exist: it is accepted, and nothing is sent there.
        body["url"] = "https://oa.example.org/hooks"
    if owner == "liaisons" and not any(body.get(name) for name in ("name", "title", "body", "organization")):
        body["name"] = "某领导"
    if owner == "pairings" and isinstance(body.get("members"), list):
        regions = here.seed["/api/v1/regions"]
        for index, member in enumerate(body["members"][: len(regions)]):
            member.update(region=regions[index]["code"], role="recipient" if index else "supporter", is_lead=False)
        body["members"] = body["members"][: len(regions)]
    return body


def is_invalid(case, location, name):
    """Whether a parameter is deliberately missing or invalid."""
    parameter = case.operation.get_parameter_set(location).get(name)
    if parameter is None:
        return True
    if coverage_scenario(case) is CoverageScenario.MISSING_PARAMETER and case.meta.phase.data.parameter == name:
        return True
    value = case.get_container(location).get(name)
    if value is None:
        return False
    # Numbers are sent as text.
    readings = [value, int(value)] if re.fullmatch(r"-?\d{1,18}", str(value)) else [value]
    return not any(map(parameter.get_validator().is_valid, readings))


@schemathesis.hook
def before_call(context, case, kwargs):
    method = case.method.upper()
    is_file = method == "GET" and case.path.endswith("/content")

    # Existing records. Parameters from a link of the stateful phase stay: they name the record under test.
    linked = case._override.path_parameters if case.meta and case.meta.phase.name is TestPhase.STATEFUL else {}
    for name, value in linked.items():
        case.path_parameters[name] = str(IDS.get(str(value), value))
    unlinked = case.path_parameters.keys() - linked.keys()
    names = {name for name in unlinked if not is_invalid(case, ParameterLocation.PATH, name)}
    if names:
        case.path_parameters.update(here.resolve(case.path, names, own=method not in SAFE or is_file))
    if is_file and (names or linked):
        here.upload(case.formatted_path)
    record, _, action = case.formatted_path.rpartition("/")
    if method == "POST" and names and action in READY:
        here.make_ready(record, READY[action])

    if isinstance(case.query, dict):
        # A generated cursor is refused (400), as a cursor is valid only for its list. Tests cover paging.
        if "cursor" in case.query and not is_invalid(case, ParameterLocation.QUERY, "cursor"):
            del case.query["cursor"]
        for name in case.query.keys() & (REFERENCES.keys() | OF_THEIR_KIND):
            case.query[name] = resolve_references(case.query[name], case.path, name)

        # A calendar key cannot be generated; the requests have an administrator's key.
        if case.path.endswith(".ics") and not is_invalid(case, ParameterLocation.QUERY, "key"):
            case.query.pop("key", None)
        # The schema does not list the names of resources.
        if case.path.startswith(IMPORTS) and "resource" in case.query:
            if not is_invalid(case, ParameterLocation.QUERY, "resource"):
                several = isinstance(case.query["resource"], list)
                case.query["resource"] = ["milestones"] if several else "milestones"

    if case.path == AUDIT_EVENTS and isinstance(case.query, dict):
        # No schema can express which parameters require each other.
        valid = {name for name in case.query if not is_invalid(case, ParameterLocation.QUERY, name)}
        if "record" in valid:
            case.query.update(entity="pairing", record=here.seed["/api/v1/pairings"][0]["code"])
        # A stream lasts minutes; the tests of the service cover it.
        if str(case.query.get("follow")).lower() == "true":
            del case.query["follow"]

    if case.path == IMPORTS and method == "POST" and not (case.meta and case.meta.generation.mode.is_negative):
        # A body that is no import file is refused (415), and so is an empty one.
        case.query = {**(case.query or {}), "file_name": "bundle.json"}
        case.body = EMPTY_FILE

    # Changed headers count as valid again, so a request that deliberately lacks its key is left unchanged.
    if not case.operation.schema.is_security_param_negated(case):
        # A generated ETag would never match (412).
        declared = {parameter.name for parameter in case.operation.headers}
        if "If-Match" in declared and not is_invalid(case, ParameterLocation.HEADER, "If-Match"):
            case.headers["If-Match"] = "*"
        # A key that was used with another body would be refused (422).
        if "Idempotency-Key" in case.headers and not is_invalid(case, ParameterLocation.HEADER, "Idempotency-Key"):
            case.headers["Idempotency-Key"] = secrets.token_hex(16)

    if isinstance(case.body, dict | list):
        case.body = resolve_references(case.body, case.path)
        is_deliberately_invalid = case.meta is not None and case.meta.generation.mode.is_negative
        if not is_deliberately_invalid:
            case.body = keep_rules(case.body, case.path)


@schemathesis.hook
def after_call(context, case, response):
    if response.status_code == 201:
        record = created(response)
        if isinstance(record, dict) and "id" in record and "code" in record:
            IDS[record["code"]] = record["id"]


@schemathesis.check
def only_history_survives_deletion(ctx, response, case):
    """The built-in check `use_after_free`, except for the history, which remains after a deletion."""
    if not case.path.endswith("/history"):
        use_after_free(ctx, response, case)


@schemathesis.check
def every_response_has_common_headers(ctx, response, case):
    """Every response, including errors, has `nosniff` and a request id."""
    for name in ("x-content-type-options", "x-request-id"):
        assert name in response.headers, f"no {name} in a {response.status_code}"


@schemathesis.check
def every_error_is_a_problem(ctx, response, case):
    """Errors are problem documents (RFC 9457), including undocumented ones such as 405."""
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
    """Unknown parameters are refused with 400; the built-in check also accepts services that ignore them."""
    if coverage_scenario(case) in REQUEST_SHAPE_PROBES or not isinstance(case.query, dict):
        return
    # The parameters as sent: the client omits a parameter without a name.
    sent = parse_qs(urlsplit(response.request.url).query, keep_blank_values=True).keys()
    unknown = sent - {parameter.name for parameter in case.operation.query}
    if unknown:
        assert 400 <= response.status_code < 500, f"{sorted(unknown)} accepted with {response.status_code}"


@schemathesis.check
def rules_are_beyond_the_schema(ctx, response, case):
    """A schema-valid body is refused only for rules that no schema can express."""
    if response.status_code != 422 or case.meta is None or case.meta.generation.mode.is_negative:
        return
    if coverage_scenario(case) in REQUEST_SHAPE_PROBES:
        return
    codes = {fault["code"] for fault in response.json()["errors"]}
    assert codes, "a 422 without a fault"
    assert not codes & SCHEMA_FAULTS, f"{sorted(codes & SCHEMA_FAULTS)}, although the body conforms to the schema"
