// Begins Swagger UI. It would fill the examples of all parameters into the forms: a list would be filtered by every
// filter at once, a second creation would be the retry of the first, and every change would override its precondition.
// So an example stands in the description of a parameter that may be left out, and its field is empty. It would send no
// key with what anyone may read; but a private service asks for one, and personal data is shown to holders of one.
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
    // There are more operations than anyone wants to see at once.
    docExpansion: "none",
    defaultModelsExpandDepth: 0,
    filter: true,
    displayRequestDuration: true,
    // The key is kept in memory alone: computers are shared, and what a browser stores outlives who typed it.
    persistAuthorization: false,
    // The badge of a validator would be asked for elsewhere.
    validatorUrl: null,
    responseInterceptor: (response) => {
      if (response.ok && new URL(response.url, location.href).pathname === "/openapi.json") {
        response.text = adapted(response.text);
      }
      return response;
    },
  });
};
