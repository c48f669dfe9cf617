// Writes the types: `node generate.mjs openapi.json pairing-tracker.ts`.
import { readFile, writeFile } from "node:fs/promises";

import openapiTS, { astToString } from "openapi-typescript";
import ts from "typescript";

const [from, to] = process.argv.slice(2);
const types = await openapiTS(JSON.parse(await readFile(from, "utf8")), {
  // Types a file as Blob, as the generator's manual shows it; the default is a string.
  transform: (schema) =>
    schema.format === "binary" ? ts.factory.createTypeReferenceNode(ts.factory.createIdentifier("Blob")) : undefined,
});
await writeFile(to, astToString(types));
