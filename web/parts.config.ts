/** The build in one file for each part, to measure the parts: `vite build --config parts.config.ts --outDir DIRECTORY`. */

import { defineConfig } from "vite";
import config from "./vite.config.ts";

const sources = (names: string): RegExp => new RegExp(String.raw`[\\/]web[\\/]src[\\/](?:${names})`);

export default defineConfig({
  ...config,
  build: {
    ...config.build,
    rollupOptions: {
      ...config.build!.rollupOptions,
      preserveEntrySignatures: "allow-extension",
      output: {
        entryFileNames: "[name].js",
        chunkFileNames: "[name].js",
        assetFileNames: "[name][extname]",
        codeSplitting: {
          includeDependenciesRecursively: false,
          groups: [
            { name: "preact", test: /[\\/]node_modules[\\/](?:preact|@preact)[\\/]/ },
            { name: "client", test: /[\\/]clients[\\/]js[\\/]/ },
            { name: "markdown", test: sources("markdown") },
            { name: "styles", test: sources(String.raw`styles[\\/](?:base|list|message|composer)`) },
            { name: "interface", test: sources(String.raw`(?:ui|state|component)[\\/]|text[\\/](?:failure|texts|dates)`) },
            { name: "page", test: sources(String.raw`main|page[\\/](?!oidc)`) },
            { name: "texts-en", test: sources(String.raw`text[\\/]en\.`) },
            { name: "texts-de", test: sources(String.raw`text[\\/]de\.`) },
          ],
        },
      },
    },
  },
});
