// Writes generated/*.json: what the one file carries instead of reading it from disk at run time.
//   descriptor.json  the contract, for proto/contract.ts (a packed file has no .proto to read)
//   runbooks.json    every file under runbooks/, by its path there
//   unit.json        the agent's unit and settings, for tandem agent install
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import protobuf from 'protobufjs';

const root = join(import.meta.dirname, '..');
const out = join(root, 'generated');
mkdirSync(out, { recursive: true });

const contract = new protobuf.Root();
contract.resolvePath = (_origin, target) => join(root, 'proto', target);
contract.loadSync(['tandem/v1/agent.proto', 'tandem/v1/transfer.proto', 'tandem/v1/enrolment.proto', 'grpc/health/v1/health.proto'], { keepCase: false });
writeFileSync(join(out, 'descriptor.json'), JSON.stringify(contract.toJSON()));

const runbooks: Record<string, string> = {};
for (const entry of readdirSync(join(root, 'runbooks'), { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const path = join(entry.parentPath, entry.name);
  runbooks[relative(join(root, 'runbooks'), path)] = readFileSync(path, 'utf8');
}
const sorted = Object.fromEntries(Object.entries(runbooks).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(join(out, 'runbooks.json'), JSON.stringify(sorted));

const ofUnit = (name: string): string => readFileSync(join(root, 'packaging/systemd', name), 'utf8');
writeFileSync(join(out, 'unit.json'), JSON.stringify({ unit: ofUnit('tandem-agent.service'), settings: ofUnit('agent.env') }));

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
writeFileSync(join(out, 'version.json'), JSON.stringify({ version }));
