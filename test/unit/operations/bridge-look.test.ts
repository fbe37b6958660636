import { expect, test } from 'vitest';
import { bridgeArgs, running, type BridgeState } from '../../../agent/operations/bridge-look.ts';

/** As a boot leaves a bridge for which there is no ifcfg file: Open vSwitch makes it again, nobody brings its own link up. */
const booted: BridgeState = { bridge: { datapath: 'system', hwaddr: '' }, owners: { eth1: 'br-ex' }, up: { 'br-ex': false, eth1: true }, addresses: [], routes: [] };

test('the link of a bridge is asked for where addresses are reached over it, that of a port always', () => {
  expect(running(booted, bridgeArgs.parse({ bridge: 'br-ex', ports: ['eth1'] }))).toEqual([]);
  const down = { what: 'link br-ex', found: 'down', wanted: 'up' };
  const address = { device: 'br-ex', cidr: '192.0.2.1/24', broadcast: '', leased: false, peer: '' } as BridgeState['addresses'][number];
  expect(running({ ...booted, addresses: [address] }, bridgeArgs.parse({ bridge: 'br-ex', ports: ['eth1'], addresses: ['192.0.2.1/24'] }))).toEqual([down]);
  expect(running(booted, bridgeArgs.parse({ bridge: 'br-ex', gateway: '192.0.2.254' }))).toContainEqual(down);
  expect(running({ ...booted, up: { 'br-ex': true, eth1: false } }, bridgeArgs.parse({ bridge: 'br-ex', ports: ['eth1'] }))).toEqual([{ what: 'link eth1', found: 'down', wanted: 'up' }]);
});
