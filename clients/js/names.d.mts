export function members(internal: string): string;
export function shortNames(folder: string, internal: string): Map<string, string>;
