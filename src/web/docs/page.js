// Starts Swagger UI with two changes to the document.
//
// Swagger UI fills every parameter with its example. A list would then be filtered by all filters at once, a second creation
// would be a retry of the first, and every change would overwrite any version. The example of an optional parameter is
// therefore moved to its description, so that its field is empty.
//
// Swagger UI sends no key to operations without security. A private service requires a key for them, and a key can reveal
// personal data, so that they are given an optional one.
"use strict";

function adapted(text) {
  const description = JSON.parse(text);
  const shared = Object.values(description.components.parameters);
  const operations = Object.values(description.paths).flatMap((path) => Object.values(path));
  const parameters = operations.flatMap((operation) => operation.parameters ?? []);
  for (const parameter of [...shared, ...parameters]) {
    const example = parameter.example ?? parameter.schema?.example;
    if (parameter.required || example === undefined) {
      continue;
    }
    delete parameter.example;
    delete parameter.schema.example;
    parameter.description += "\n\n例 · Example: `" + example + "`";
  }
  for (const operation of operations) {
    if (operation.security.length === 0) {
      operation.security = [{ bearer: [] }, {}];
    }
  }
  return JSON.stringify(description);
}

window.onload = () => {
  SwaggerUIBundle({
    dom_id: "#swagger-ui",
    url: "/openapi.json",
    layout: "BaseLayout",
    presets: [SwaggerUIBundle.presets.apis],
    deepLinking: true,
    // There are too many operations to show them all expanded.
    docExpansion: "none",
    defaultModelsExpandDepth: 0,
    filter: true,
    displayRequestDuration: true,
    // Keys are not stored, because offices share computers.
    persistAuthorization: false,
    // Do not load a validation badge from another server.
    validatorUrl: null,
    responseInterceptor: (response) => {
      if (response.ok && new URL(response.url, location.href).pathname === "/openapi.json") {
        response.text = adapted(response.text);
      }
      return response;
    },
  });
};
