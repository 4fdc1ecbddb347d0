/** A reporter of node:test that writes one line of JSON for each test. */

export default async function* report(source) {
  for await (const { type, data } of source) {
    if (type !== "test:pass" && type !== "test:fail") continue;
    const error = data.details?.error;
    const cause = error?.cause ?? error;
    const problem = type === "test:fail" ? String(cause?.stack ?? cause) : null;
    yield JSON.stringify({ name: data.name, skip: data.skip ?? null, problem }) + "\n";
  }
}
