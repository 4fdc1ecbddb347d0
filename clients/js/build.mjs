/** Builds `dist`: one minified module, and its types. Names of private and internal members are shortened. */

import { execFileSync } from "node:child_process";
import { gzipSync } from "node:zlib";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { minify } from "terser";

/** Members of the core and its driver that are no part of the API, of stored values, or of frames. */
const INTERNAL = `
  repeatDue endDue outputs nextTimer advance tokenReceived tokenFailed socketOpened socketClosed batchPosted storageChanged
  drain readState place isCurrent lost welcomed planRenewal tokenExpired ponged disconnectedByServer drop
  frameBytes nextId sendAsIs items acknowledged flightId notBefore backoff insert sendable updatesOf deadline isDrainer
  takeOver purge pending addMessage addUpdate replied shown historyChanged disconnected hurry readPushed
  readAnswered noteHead isChanged pushed isRunning sentAs answered timeline people isEnded resume entry paged followed latest personal awake input newId http notify core
  connected takeNewEvents requestOlder isBehind prepend trim pseudonym forgotten settled written isAlone isUnmarked
  sentAt renewed retryAt flush opened restore
`;
const here = dirname(fileURLToPath(import.meta.url));
const dist = process.argv[2] ?? join(here, "dist");
const outfile = join(dist, "index.js");
await build({
  entryPoints: [join(here, "src/index.ts")],
  outfile,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  mangleProps: new RegExp(`^(_.*|${INTERNAL.trim().split(/\s+/).join("|")})$`),
  legalComments: "none",
});
const shortened = await minify(readFileSync(outfile, "utf8"), { module: true, compress: { passes: 3, ecma: 2020, unsafe_arrows: true, pure_getters: true } });
writeFileSync(outfile, shortened.code);
const compiler = join(here, "node_modules/typescript/bin/tsc");
const options = ["--noEmit", "false", "--emitDeclarationOnly", "--declaration", "--stripInternal", "--rootDir", join(here, "src")];
if (!process.argv.includes("--no-types")) {
  const files = ["--rewriteRelativeImportExtensions", "--outDir", dist, join(here, "src/index.ts")];
  const flags = ["--ignoreConfig", "--strict", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler"];
  const libraries = ["--lib", "ES2023,DOM,DOM.Iterable", "--skipLibCheck", "--types", "", "--verbatimModuleSyntax"];
  execFileSync(process.execPath, [compiler, ...files, ...flags, ...libraries, ...options, "--exactOptionalPropertyTypes"], {
    stdio: "inherit",
  });
  for (const name of readdirSync(dist, { recursive: true }).filter((file) => file.endsWith(".d.ts"))) {
    const text = readFileSync(join(dist, name), "utf8");
    writeFileSync(join(dist, name), text.replace(/(from "\.[^"]*)\.ts"/g, '$1.js"'));
  }
}
console.log(`${gzipSync(readFileSync(outfile), { level: 9 }).length} bytes gzipped`);
