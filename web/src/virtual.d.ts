declare module "virtual:emoji/*" {
  /** A line for each group, of emoji or of their names, separated by tabs. */
  const data: string;
  export default data;
}
