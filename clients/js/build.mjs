/** Builds `dist`: a minified module for each entry point, one that they share, and their types. */

import { execFileSync } from "node:child_process";
import { gzipSync } from "node:zlib";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { minify } from "terser";
import { DIGITS, members, shortNames } from "./names.mjs";

/** Members without an underscore that are no part of the API, of stored values, of frames, or of the platform: no `random`. */
const INTERNAL = `
  repeatDue endDue outputs nextTimer advance tokenReceived tokenFailed socketOpened socketClosed batchPosted storageChanged
  drain readState roomState lacks place isCurrent lost welcomed planRenewal tokenExpired ponged disconnectedByServer drop
  frameBytes nextId items acknowledged flightId notBefore backoff insert sendable updatesOf deadline isDrainer
  takeOver purge pending addMessage addUpdate replied shown historyChanged disconnected hurry readPushed
  noteHead isChanged pushed isRunning sentAs answered timeline people isEnded entry paged followed latest personal awake input newId http notify core
  connected applied delay view wanted want sendNow mark takeNewEvents requestOlder isBehind prepend trim pseudonym forgotten settled written isAlone isUnmarked isGone
  sentAt renewed retryAt flush opened restore followers ready typingExpires isGreeted failed closed plan
  resumeAfter isStopped isSignedOut state isOpen kind frame requestId socket hasItems
`;
/** Kinds of outputs, which only the client itself reads. */
const KINDS = `
  save forget token connect send post status replaced appended prepended trimmed discarded ended outbox people resolved refused
  withdrawn frame awake
`.trim().split(/\s+/);
const ENTRIES = ["index", "conversations", "indexed_db"];
const here = dirname(fileURLToPath(import.meta.url));
const source = join(here, "src");
const dist = process.argv[2] ?? join(here, "dist");
/** Modules of the other entry points import those of `index` from there: each is in the package once. */
const shared = {
  name: "shared",
  setup: ({ onResolve }) =>
    onResolve({ filter: /\.ts$/ }, ({ path, kind }) =>
      kind === "entry-point" || path.endsWith("/listed.ts") ? undefined : { path: "./index.js", external: true },
    ),
};
const shortKinds = {
  name: "short-kinds",
  setup: ({ onLoad }) =>
    onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const short = (_, kind) => `"${DIGITS[KINDS.indexOf(kind)]}"`;
      return { contents: readFileSync(path, "utf8").replace(new RegExp(`"(${KINDS.join("|")})"`, "g"), short), loader: "ts" };
    }),
};
for (const name of process.argv.includes("--no-code") ? [] : ENTRIES) {
  const outfile = join(dist, name + ".js");
  await build({
    entryPoints: [join(source, name + ".ts")],
    outfile,
    bundle: true,
    plugins: name === "index" ? [shortKinds] : [shared, shortKinds],
    minify: true,
    format: "esm",
    target: "es2022",
    mangleProps: new RegExp(`^${members(INTERNAL)}$`),
    mangleCache: Object.fromEntries(shortNames(source, INTERNAL)),
    legalComments: "none",
  });
  // `unsafe` is about objects that redefine methods of the language: it turns `String(a)` into `a + ""`.
  const compress = { passes: 3, ecma: 2020, unsafe: true, unsafe_arrows: true, pure_getters: true };
  const { code } = await minify(readFileSync(outfile, "utf8"), { module: true, compress });
  writeFileSync(outfile, code);
  console.log(`${name}: ${gzipSync(code, { level: 9 }).length} bytes gzipped`);
}
const compiler = join(here, "node_modules/typescript/bin/tsc");
const options = ["--noEmit", "false", "--emitDeclarationOnly", "--declaration", "--stripInternal", "--rootDir", source];
if (!process.argv.includes("--no-types")) {
  const files = ["--rewriteRelativeImportExtensions", "--outDir", dist, ...ENTRIES.map((name) => join(source, name + ".ts"))];
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
