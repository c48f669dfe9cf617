// A scenario with openapi-fetch and the types that openapi-typescript generates.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";

import createClient, { type Client } from "openapi-fetch";

import type { components, paths } from "./pairing-tracker.js";

type Agreement = components["schemas"]["Agreement"];
type NewAgreement = components["schemas"]["NewAgreement"];
type AgreementStatus = components["schemas"]["AgreementStatus"];
type Problem = components["schemas"]["Problem"];

/** The media type that this program reads; lists are also available as CSV, XLSX and NDJSON. */
type Media = "application/json" | "application/problem+json" | "*/*";
type PairingTracker = Client<paths, Media>;

type Answer<T> = { data?: T; error?: Problem; response: Response };

/** The body of the response; throws an error. */
function expect<T>({ data, error, response }: Answer<T>): T {
  if (data === undefined) throw new Error(`${response.status}: ${JSON.stringify(error)}`);
  return data;
}

/** The error of a call, when it has this status. */
function problem(status: number, { error, response }: Answer<unknown>): Problem {
  assert(error !== undefined, `a refusal was expected, not ${response.status}`);
  assert.deepEqual([response.status, error.status], [status, status], JSON.stringify(error));
  return error;
}

function etag({ response }: Answer<unknown>): string {
  return response.headers.get("ETag") ?? assert.fail("there is no ETag");
}

/** All agreements of a pairing, page by page. */
async function* agreementsOf(client: PairingTracker, pairing: string): AsyncGenerator<Agreement> {
  let cursor: string | null = null;
  do {
    const query = { pairing, limit: 1, ...(cursor === null ? {} : { cursor }) };
    const page: components["schemas"]["AgreementList"] = expect(
      await client.GET("/api/v1/agreements", { params: { query } }),
    );
    yield* page.items;
    cursor = page.next_cursor;
  } while (cursor !== null);
}

async function story(client: PairingTracker): Promise<void> {
  const pairings = expect(await client.GET("/api/v1/pairings", { params: { query: { q: "恩平" } } })).items;
  assert.deepEqual(pairings.map((pairing) => pairing.name.zh), ["蓬江区、江海区—恩平市"]);
  const pairing = pairings[0]?.code ?? assert.fail();
  console.log("ok 1 find the pairing of Enping");

  const codes: string[] = [];
  for await (const agreement of agreementsOf(client, pairing)) codes.push(agreement.code);
  assert.deepEqual(codes.sort(), ["jianghai-enping-framework-2022", "pengjiang-enping-framework-2022"]);
  console.log("ok 2 page through its agreements");

  const body: NewAgreement = {
    code: "typescript-memorandum",
    pairing,
    kind: "memorandum",
    title: { zh: "示例备忘录", en: "Sample memorandum" },
  };
  // @ts-expect-error The values of an enum are typed.
  const wrong: NewAgreement = { ...body, kind: "anything" };
  assert.notEqual(wrong.kind, body.kind);
  const once = { header: { "Idempotency-Key": "typescript-1" } };
  const memorandum = expect(await client.POST("/api/v1/agreements", { params: once, body }));
  assert.deepEqual([memorandum.status, memorandum.signed_on], ["draft", null]);
  // The same request again, as after a lost response, returns the same record.
  assert.equal(expect(await client.POST("/api/v1/agreements", { params: once, body })).id, memorandum.id);
  const milestone = expect(
    await client.POST("/api/v1/milestones", {
      params: { header: { "Idempotency-Key": "typescript-2" } },
      body: { agreement: memorandum.code, title: { zh: "签署" }, due_on: "2030-06-30", kind: "signing" },
    }),
  );
  assert.deepEqual([milestone.due_on, milestone.pairing.code], ["2030-06-30", pairing]);
  console.log("ok 3 create a memorandum with a milestone");

  const path = { ref: memorandum.code };
  const read = await client.GET("/api/v1/agreements/{ref}", { params: { path } });
  const seen = { path, header: { "If-Match": etag(read) } };
  const patch: components["schemas"]["AgreementPatch"] = { title: { en: "Memorandum, as an example" }, note: "示例" };
  const updated = await client.PATCH("/api/v1/agreements/{ref}", { params: seen, body: patch });
  const changed = expect(updated);
  assert.equal(changed.version, expect(read).version + 1);
  assert.deepEqual([changed.title.zh, changed.title.en, changed.note], ["示例备忘录", "Memorandum, as an example", "示例"]);
  // A field that is null is cleared; a field that is absent stays.
  const cleared = await client.PATCH("/api/v1/agreements/{ref}", {
    params: { path, header: { "If-Match": etag(updated) } },
    body: { note: null },
  });
  assert.equal(expect(cleared).note, null);
  console.log("ok 4 change it with the ETag that was read");

  const stale = await client.PATCH("/api/v1/agreements/{ref}", { params: seen, body: patch });
  assert.equal(problem(412, stale).code, "precondition_failed");
  const taken = problem(409, await client.POST("/api/v1/agreements", { body }));
  assert.deepEqual([taken.code, taken.errors[0]?.pointer], ["already_exists", "/code"]);
  const met = { agreement: memorandum.code, title: { zh: "签署" }, due_on: "2030-06-30", status: "met" } as const;
  const refused = problem(422, await client.POST("/api/v1/milestones", { body: met }));
  assert.deepEqual(refused.errors.map(({ pointer, code }) => [pointer, code]), [["/met_on", "required"]]);
  console.log("ok 5 meet conflicts and a validation problem as typed errors");

  const content = Uint8Array.from({ length: 16384 }, (_, index) => index);
  const document = expect(
    await client.POST("/api/v1/documents", { body: { code: "typescript-document", title: { zh: "示例文件" } } }),
  );
  const stored = await client.PUT("/api/v1/documents/{ref}/content", {
    params: { path: { ref: document.code } },
    body: new Blob([content]),
    bodySerializer: (file) => file,
    headers: { "Content-Type": "application/octet-stream" },
  });
  assert.equal(expect(stored).sha256, createHash("sha256").update(content).digest("hex"));
  const file = expect(
    await client.GET("/api/v1/documents/{ref}/content", {
      params: { path: { ref: document.code } },
      parseAs: "arrayBuffer",
    }),
  );
  assert.deepEqual(new Uint8Array(file), content);
  console.log("ok 6 upload and download a document");

  const found = async (status: AgreementStatus[]) =>
    expect(
      await client.GET("/api/v1/agreements", {
        params: { query: { pairing, kind: ["framework_agreement", "memorandum"], status, sort: "-id", count: true } },
      }),
    );
  const all = await found(["draft", "signed"]);
  assert.deepEqual([(await found(["draft"])).total, all.total], [1, 3]);
  assert.equal(all.items[0]?.code, memorandum.code);
  console.log("ok 7 list with several filters");

  const deleted = [
    await client.DELETE("/api/v1/milestones/{ref}", {
      params: { path: { ref: String(milestone.id) }, header: { "If-Match": "*" } },
    }),
    await client.DELETE("/api/v1/agreements/{ref}", { params: { path, header: { "If-Match": etag(cleared) } } }),
    await client.DELETE("/api/v1/documents/{ref}", {
      params: { path: { ref: document.code }, header: { "If-Match": etag(stored) } },
    }),
  ];
  assert.deepEqual(deleted.map(({ response }) => response.status), [204, 204, 204]);
  const gone = problem(404, await client.GET("/api/v1/agreements/{ref}", { params: { path } }));
  assert.equal(gone.code, "not_found");
  console.log("ok 8 delete what was made");
}

const { PAIRING_TRACKER_URL: baseUrl = "", PAIRING_TRACKER_KEY: key } = process.env;
await story(createClient<paths, Media>({ baseUrl, headers: { Authorization: `Bearer ${key}` } }));
