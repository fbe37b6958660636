import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { main as agent } from '../../../agent/main.ts';
import { main as coordinator } from '../../../coordinator/main.ts';
import { treeOf } from '../../../scripts/man.ts';

const root = join(import.meta.dirname, '../../..');

/** One command of either program: the words that call it, and itself. */
export interface Called { path: string; command: Command }

const below = (command: Command, path: string): Called[] => command.commands.flatMap((child) => [{ path: `${path} ${child.name()}`, command: child }, ...below(child, `${path} ${child.name()}`)]);

/** Both programs as they run, with each of their commands in any depth. */
export async function realTrees(): Promise<{ root: Command; host: Command; all: Called[] }> {
  const [tandem, host] = [await treeOf(coordinator), await treeOf(agent)];
  return { root: tandem, host, all: [...below(tandem, 'tandem'), ...below(host, 'tandem agent')] };
}

/** The names of all commands as the sources spell them: what a tree that was taken too early would lack. */
export function namesInSources(): string[] {
  const files = globSync(['coordinator/commands/*.ts', 'agent/*.ts'], { cwd: root });
  return files.flatMap((file) => Array.from(readFileSync(join(root, file), 'utf8').matchAll(/(?:new Command|\.command)\('([a-z-]+)'/g), ([, name = '']) => name)).sort();
}
