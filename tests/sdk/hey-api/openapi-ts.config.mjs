export default {
  // The program runs in Node.js as it is, which wants the names of files whole.
  output: { path: "client", module: { extension: ".js" } },
  plugins: ["@hey-api/client-fetch", "@hey-api/typescript", "@hey-api/sdk"],
};
