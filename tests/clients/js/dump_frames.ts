/** Prints the frames that a client sends on a schedule with all kinds of steps, one in each line. */

import { STEPS } from "./steps.ts";
import { seeded, World } from "./world.ts";

const world = new World(1);
const names = Object.keys(STEPS).sort();
const random = seeded(7);
const { client } = world.tab(0);
const printed = new Set<string>();
const execute = world.server.execute.bind(world.server);
world.server.execute = (socket, command) => {
  printed.add(JSON.stringify(command));
  return execute(socket, command);
};
for (let step = 0; step < 500; step++) {
  client.typing("conv_a", step % 2 === 0, world.now);
  STEPS[names[Math.floor(random() * names.length)]!]!(world, step % 12);
}
console.log([...printed].join("\n"));
