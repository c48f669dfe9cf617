// A scenario with the client that @hey-api/openapi-ts generates.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";

import { type Client, createClient, createConfig } from "./client/client/index.js";
import {
  createAgreement,
  createDocument,
  createMilestone,
  deleteAgreement,
  deleteDocument,
  deleteMilestone,
  getAgreement,
  getDocumentContent,
  listAgreements,
  listPairings,
  putDocumentContent,
  updateAgreement,
} from "./client/sdk.gen.js";
import type { Agreement, AgreementList, AgreementPatch, AgreementStatus, NewAgreement, Problem } from "./client/types.gen.js";

type Answer<T> = { data: T | undefined; error: Problem | undefined; response: Response };

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
async function* agreementsOf(client: Client, pairing: string): AsyncGenerator<Agreement> {
  let cursor: string | null = null;
  do {
    const query = { pairing, limit: 1, ...(cursor === null ? {} : { cursor }) };
    const page: AgreementList = expect(await listAgreements({ client, query }));
    yield* page.items;
    cursor = page.next_cursor;
  } while (cursor !== null);
}

async function story(client: Client): Promise<void> {
  const pairings = expect(await listPairings({ client, query: { q: "恩平" } })).items;
  assert.deepEqual(pairings.map((pairing) => pairing.name.zh), ["蓬江区、江海区—恩平市"]);
  const pairing = pairings[0]?.code ?? assert.fail();
  console.log("ok 1 find the pairing of Enping");

  const codes: string[] = [];
  for await (const agreement of agreementsOf(client, pairing)) codes.push(agreement.code);
  assert.deepEqual(codes.sort(), ["jianghai-enping-framework-2022", "pengjiang-enping-framework-2022"]);
  console.log("ok 2 page through its agreements");

  const body: NewAgreement = {
    code: "hey-api-memorandum",
    pairing,
    kind: "memorandum",
    title: { zh: "示例备忘录", en: "Sample memorandum" },
  };
  const once = { client, body, headers: { "Idempotency-Key": "hey-api-1" } };
  const memorandum = expect(await createAgreement(once));
  assert.deepEqual([memorandum.status, memorandum.signed_on], ["draft", null]);
  // The same request again, as after a lost response, returns the same record.
  assert.equal(expect(await createAgreement(once)).id, memorandum.id);
  const milestone = expect(
    await createMilestone({
      client,
      headers: { "Idempotency-Key": "hey-api-2" },
      body: { agreement: memorandum.code, title: { zh: "签署" }, due_on: "2030-06-30", kind: "signing" },
    }),
  );
  assert.deepEqual([milestone.due_on, milestone.pairing.code], ["2030-06-30", pairing]);
  console.log("ok 3 create a memorandum with a milestone");

  const path = { ref: memorandum.code };
  const read = await getAgreement({ client, path });
  const seen = { "If-Match": etag(read) };
  const patch: AgreementPatch = { title: { en: "Memorandum, as an example" }, note: "示例" };
  const updated = await updateAgreement({ client, path, headers: seen, body: patch });
  const changed = expect(updated);
  assert.equal(changed.version, expect(read).version + 1);
  assert.deepEqual([changed.title.zh, changed.title.en, changed.note], ["示例备忘录", "Memorandum, as an example", "示例"]);
  // A field that is null is cleared; a field that is absent stays.
  const cleared = await updateAgreement({ client, path, headers: { "If-Match": etag(updated) }, body: { note: null } });
  assert.equal(expect(cleared).note, null);
  console.log("ok 4 change it with the ETag that was read");

  const stale = await updateAgreement({ client, path, headers: seen, body: patch });
  assert.equal(problem(412, stale).code, "precondition_failed");
  const taken = problem(409, await createAgreement({ client, body }));
  assert.deepEqual([taken.code, taken.errors[0]?.pointer], ["already_exists", "/code"]);
  const met = { agreement: memorandum.code, title: { zh: "签署" }, due_on: "2030-06-30", status: "met" } as const;
  const refused = problem(422, await createMilestone({ client, body: met }));
  assert.deepEqual(refused.errors.map(({ pointer, code }) => [pointer, code]), [["/met_on", "required"]]);
  console.log("ok 5 meet conflicts and a validation problem as typed errors");

  const content = Uint8Array.from({ length: 16384 }, (_, index) => index);
  const document = expect(await createDocument({ client, body: { code: "hey-api-document", title: { zh: "示例文件" } } }));
  const file = { ref: document.code };
  const stored = await putDocumentContent({ client, path: file, body: new Blob([content]) });
  assert.equal(expect(stored).sha256, createHash("sha256").update(content).digest("hex"));
  const found = expect(await getDocumentContent({ client, path: file }));
  assert.deepEqual(new Uint8Array(await found.arrayBuffer()), content);
  console.log("ok 6 upload and download a document");

  const list = async (status: AgreementStatus[]) =>
    expect(
      await listAgreements({
        client,
        query: { pairing, kind: ["framework_agreement", "memorandum"], status, sort: "-id", count: true },
      }),
    );
  const all = await list(["draft", "signed"]);
  assert.deepEqual([(await list(["draft"])).total, all.total], [1, 3]);
  assert.equal(all.items[0]?.code, memorandum.code);
  console.log("ok 7 list with several filters");

  const deleted = [
    await deleteMilestone({ client, path: { ref: String(milestone.id) }, headers: { "If-Match": "*" } }),
    await deleteAgreement({ client, path, headers: { "If-Match": etag(cleared) } }),
    await deleteDocument({ client, path: file, headers: { "If-Match": etag(stored) } }),
  ];
  assert.deepEqual(deleted.map(({ response }) => response.status), [204, 204, 204]);
  assert.equal(problem(404, await getAgreement({ client, path })).code, "not_found");
  console.log("ok 8 delete what was made");
}

const { PAIRING_TRACKER_URL: baseUrl = "", PAIRING_TRACKER_KEY: key = "" } = process.env;
await story(createClient(createConfig({ baseUrl, auth: () => key })));
