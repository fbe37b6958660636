/** The floors: who may import whom. Each is an error; test/unit/floors.test.ts shows that each bites. */
const NODE_EFFECTS = '^(node:)?(fs|fs/promises|child_process|net|tls|http|https|http2|dgram|dns|worker_threads|cluster|process)$';
const OURS = '^(agent|coordinator|proto|runbooks|scripts|packaging|test)/|^tandem\\.ts$';

/** From `path`, only `allowed` may be imported. */
const only = (name, comment, path, ...allowed) => ({ name, comment, severity: 'error', from: { path }, to: { pathNot: allowed } });
/** `target` may be imported by `owners` only. */
const owned = (name, comment, target, ...owners) => ({ name, comment, severity: 'error', from: { pathNot: owners }, to: { path: target } });

module.exports = {
  forbidden: [
    { name: 'no-cycles', comment: 'Imports go down.', severity: 'error', from: {}, to: { circular: true } },
    { name: 'nothing-missing', comment: 'Every import resolves.', severity: 'error', from: {}, to: { couldNotResolve: true } },
    { name: 'declared-packages', comment: 'A package that runs on hosts stands in dependencies of package.json.', severity: 'error',
      from: {}, to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'npm-optional', 'npm-peer'] } },
    { name: 'product-stands-alone', comment: 'What ships imports no script, test or packaging file.', severity: 'error',
      from: { path: '^(agent|coordinator|proto)/|^tandem\\.ts$' }, to: { path: '^(scripts|packaging|test)/' } },

    { name: 'proto-is-ground', comment: 'proto imports nothing of ours.', severity: 'error', from: { path: '^proto/' }, to: { path: OURS, pathNot: '^proto/' } },
    only('parse-is-pure', 'parse imports nothing: text in, values out.', '^agent/parse/', '^agent/parse/'),
    only('facts-read', 'facts read through the Probe and parse what they get.', '^agent/facts/',
      '^agent/(facts|parse)/', '^agent/host/host\\.ts$', '^proto/', '^node_modules/zod/', '^(node:)?(crypto|path)$'),
    only('cloud-asks', 'cloud talks to the services\' APIs through the Probe and the Host, and parses.', '^agent/cloud/',
      '^agent/(cloud|parse)/', '^agent/host/host\\.ts$', '^proto/', '^node_modules/zod/', '^(node:)?(crypto|path)$'),
    only('operations-are-small', 'operations import proto, parse, facts, cloud, host types, zod and libraries that only compute.', '^agent/operations/',
      '^agent/(operations|facts|cloud|parse)/', '^agent/host/host\\.ts$', '^proto/', '^node_modules/(zod|leven|canonicalize)/', '^(node:)?(crypto|path|util)$'),
    { name: 'operations-use-events-not-wire', comment: 'An operation knows neither the wire nor the journal.', severity: 'error',
      from: { path: '^agent/(operations|facts|cloud)/' }, to: { path: '^proto/(wire|journal)\\.ts$' } },
    { name: 'host-is-a-type', comment: 'host.ts holds the interfaces; the machine is local.ts.', severity: 'error',
      from: { path: '^agent/host/host\\.ts$' }, to: { path: NODE_EFFECTS } },
    { name: 'one-door-to-the-agent', comment: 'The coordinator knows the catalogue and nothing else of the agent.', severity: 'error',
      from: { path: '^coordinator/' }, to: { path: '^agent/', pathNot: '^agent/operations/catalogue\\.ts$' } },
    { name: 'agent-knows-no-coordinator', comment: 'The agent never reaches up.', severity: 'error', from: { path: '^agent/' }, to: { path: '^coordinator/' } },
    { name: 'main-is-the-top', comment: 'Nobody imports a main.ts but the entry.', severity: 'error', from: { pathNot: '^tandem\\.ts$' }, to: { path: '(^|/)main\\.ts$' } },
    { name: 'entry-is-the-top', comment: 'Nobody imports the entry.', severity: 'error', from: {}, to: { path: '^tandem\\.ts$' } },

    owned('one-door-grpc', 'grpc-js: the server and the links.', '^node_modules/@grpc/grpc-js/', '^agent/service/', '^coordinator/(enrolment-)?link\\.ts$', '^node_modules/'),
    owned('one-door-protobuf', 'protobufjs: the contract.', '^node_modules/(protobufjs|@grpc/proto-loader)/', '^proto/contract\\.ts$', '^scripts/', '^node_modules/'),
    owned('one-door-execa', 'execa: the host.', '^node_modules/execa/', '^agent/host/', '^node_modules/'),
    owned('one-door-processes', 'Processes start in the host only.', '^(node:)?(child_process|worker_threads|cluster)$', '^agent/host/', '^node_modules/'),
    owned('one-door-files', 'Files: the host, the journal, the agent\'s own state folder, the coordinator\'s readers and store.', '^(node:)?fs(/promises)?$',
      '^agent/host/', '^proto/(journal|alone)\\.ts$', '^agent/enrolment/', '^agent/(main|dispatcher|lease-file|runs|leftovers|policy|revocation)\\.ts$', '^coordinator/(commands|store|pki|input)/', '^node_modules/'),
    { name: 'planning-is-pure', comment: 'Site, runbook, expression, values and plan take texts and give values.', severity: 'error',
      from: { path: '^coordinator/(site|runbook|expression|values|plan[^/]*)\\.ts$' }, to: { path: '^(node:)?(fs|fs/promises|http|https|http2)$|^coordinator/((link|run)\\.ts$|(store|commands)/)' } },
  ],
  options: {
    doNotFollow: { path: ['^node_modules/', '^generated/'] },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { conditionNames: ['import', 'node', 'types'], exportsFields: ['exports'], extensions: ['.ts', '.js', '.mjs', '.cjs', '.json', '.d.ts'] },
  },
};
