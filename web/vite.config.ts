/** The build of `dist`: the page, and `serverless-chat.js`, the component that other pages load. */

import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { emojiData } from "./emoji_data.ts";
import { shortNames } from "./short_names.ts";

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
    outDir: "dist",
    emptyOutDir: true,
    // A data: URL in place of a file would need an exception in the Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    reportCompressedSize: false,
    rollupOptions: {
      input: { index: path("index.html"), "serverless-chat": path("src/serverless-chat.ts") },
      preserveEntrySignatures: "exports-only",
      output: {
        entryFileNames: (chunk) => (chunk.name === "serverless-chat" ? "[name].js" : "assets/[name]-[hash].js"),
        chunkFileNames: "assets/[name]-[hash].js",
        assetFileNames: "assets/[name]-[hash][extname]",
      },
    },
  },
});
