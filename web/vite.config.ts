/** The build of `dist`: the page, and `serverless-chat.js`, the component that other pages load. */

import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { emojiData } from "./emoji_data.ts";
import { shortNames } from "./short_names.ts";

/** The modules of the first route: as one file they are smaller with gzip, and parts that load later repeat none of it. */
const FIRST =
  /[\\/](?:clients[\\/]js|preact|signals|src[\\/](?:ui|state|component|markdown|styles[\\/](?:base|list|message|composer)|text[\\/](?:failure|texts|dates)))/;

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

export default defineConfig({
  // Relative addresses: the page can be served below any path, and its chunks load from where the component came.
  base: "./",
  publicDir: false,
  plugins: [emojiData(), shortNames(path("../clients/js/src/"))],
  resolve: {
    alias: {
      "serverless-chat/conversations": path("../clients/js/src/conversations.ts"),
      "serverless-chat/indexed-db": path("../clients/js/src/indexed_db.ts"),
      "serverless-chat": path("../clients/js/src/index.ts"),
    },
  },
  build: {
    target: "es2022",
    // The first that know `light-dark()`: for older ones, `:dir()` would become a list of languages.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    outDir: "dist",
    emptyOutDir: true,
    // A data: URL in place of a file would need an exception in the Content-Security-Policy.
    assetsInlineLimit: 0,
    // The document preloads the first route; a part that loads later has few files, which need no list in advance.
    modulePreload: { polyfill: false, resolveDependencies: (_, files, { hostType }) => (hostType === "html" ? files : []) },
    sourcemap: false,
    reportCompressedSize: false,
    rollupOptions: {
      input: { index: path("index.html"), "serverless-chat": path("src/serverless-chat.ts") },
      preserveEntrySignatures: "exports-only",
      output: {
        entryFileNames: (chunk) => (chunk.name === "serverless-chat" ? "[name].js" : "assets/[name]-[hash].js"),
        chunkFileNames: "assets/[name]-[hash].js",
        codeSplitting: { groups: [{ name: "chat", test: FIRST }] },
        assetFileNames: "assets/[name]-[hash][extname]",
      },
    },
  },
});
