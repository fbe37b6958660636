import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ipv4Network, network } from '../../../agent/parse/iptables-address.ts';
import { canonical, canonicalRule } from '../../../agent/parse/iptables-rule.ts';
import { parseRules, render, stripChains } from '../../../agent/parse/iptables-save.ts';
import { admits } from '../../../agent/parse/iptables-verdict.ts';

const sample = (name: string): string => readFileSync(join(import.meta.dirname, '../../fixtures/parse/iptables-save', name), 'utf8');
const filter = (...rules: string[]): string => `*filter\n:INPUT ACCEPT [0:0]\n:OWN - [0:0]\n${rules.join('\n')}\nCOMMIT\n`;
const rule = (text: string): string => canonicalRule(parseRules(filter(text)).tables[0]!.rules[0]!);
const isStale = (chain: string): boolean => /^(nova|neutron)-/.test(chain);
const COORDINATOR = { address: '10.77.0.254', port: 7443 };

describe('a rules file', () => {
  test('is taken apart, counters and comments apart from rules', () => {
    const rules = parseRules(sample('rhel7-default.rules'));
    expect(rules.tables.map(({ name, rules: own }) => [name, own.length])).toEqual([['nat', 0], ['filter', 6]]);
    expect(rules.tables[1]?.chains[2]).toEqual({ name: 'OUTPUT', policy: 'ACCEPT', packets: 217, bytes: 22860 });
  });
  test('loses stale chains with the jumps to them, and nothing else', () => {
    const text = render(stripChains(parseRules(sample('rhel6-packstack.rules')), isStale), 'test');
    expect(text).not.toMatch(/nova-|neutron-/);
    expect(text.match(/^-A /gm)).toHaveLength(10);
    expect(text).toContain(':INPUT ACCEPT [0:0]');
    expect(text).toContain('--comment "001 keystone incoming keystone"');
  });
  test.each([
    ['*filter\n:INPUT ACCEPT [0:0]\n', 'no COMMIT'],
    ['-A INPUT -j ACCEPT', 'line 1: .*outside of a table'],
    ['*filter\n-A NOSUCH -j ACCEPT\nCOMMIT', 'line 2: chain NOSUCH is not declared'],
    ['*filter\n-I INPUT -j ACCEPT\nCOMMIT', 'line 2: only -A'],
    ['*filter\nCOMMIT\n*filter\nCOMMIT', 'line 3: table filter stands twice'],
    ['*filter\n-A INPUT -m comment --comment "open\nCOMMIT', 'line 2: a quote is not closed'],
    ['*filter\n:INPUT\nCOMMIT', 'line 2: a chain line'],
  ])('%j is refused', (text, message) => { expect(() => parseRules(text)).toThrow(new RegExp(message)); });
});

describe('the canonical form', () => {
  test.each([
    ['-A INPUT -p tcp -m state --state NEW -m tcp --dport 22 -j ACCEPT', '-A INPUT -m state --state NEW -p tcp --dport 22 -j ACCEPT'],
    ['-A INPUT -s 10.0.0.5/32 -j ACCEPT', '-A INPUT --source 10.0.0.5 -j ACCEPT'],
    ['-A INPUT -s 10.0.0.0/24 -j ACCEPT', '-A INPUT -s 10.0.0.77/255.255.255.0 -j ACCEPT'],
    ['-A INPUT -j ACCEPT', '-A INPUT -s 0.0.0.0/0 -p all -j ACCEPT'],
    ['-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT', '-A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT'],
    ['-A INPUT -j REJECT --reject-with icmp-port-unreachable', '-A INPUT -j REJECT'],
    ['-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j DROP', '-A INPUT -p 6 --syn -j DROP'],
    ['-A INPUT ! -s 10.0.0.1/32 -j DROP', '-A INPUT -s ! 10.0.0.1 -j DROP'],
    ['-A INPUT -p icmp -m icmp --icmp-type 8 -j ACCEPT', '-A INPUT -p icmp --icmp-type echo-request -j ACCEPT'],
    ['-A INPUT -m limit --limit 5/min -j LOG', '-A INPUT -m limit --limit 5/minute --limit-burst 5 -j LOG --log-level warning'],
    ['-A INPUT -m comment --comment one -j ACCEPT', '-A INPUT -m comment --comment "one" -j ACCEPT'],
    ['-A INPUT -m comment --comment "-j DROP" -j ACCEPT', '-A INPUT -m comment --comment "-j DROP" --jump ACCEPT'],
    ['-A INPUT -m limit --limit 1/sec -j ACCEPT', '-A INPUT -m limit --limit 60/minute -j ACCEPT'],
    ['-A INPUT -m mac --mac-source fa:16:3e:00:00:01 -j ACCEPT', '-A INPUT -m mac --mac-source FA:16:3E:00:00:01 -j ACCEPT'],
    ['-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG FIN,SYN -j DROP', '-A INPUT -p tcp --tcp-flags ALL SYN,FIN -j DROP'],
    ['-A INPUT -m recent --rcheck --name x --mask 255.255.255.255 --rsource -j DROP', '-A INPUT -m recent --name x --rcheck -j DROP'],
    ['-A INPUT -p icmp -m icmp --icmp-type 3/4 -j ACCEPT', '-A INPUT -p icmp --icmp-type fragmentation-needed -j ACCEPT'],
    ['-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 135 -j ACCEPT', '-A INPUT -p icmpv6 --icmpv6-type neighbour-solicitation -j ACCEPT'],
    ['-A INPUT -m mark --mark 0x10 -j ACCEPT', '-A INPUT -m mark --mark 16 -j ACCEPT'],
    ['-A INPUT -j MARK --set-xmark 0x2/0xff', '-A INPUT -j MARK --set-mark 2/0xff'],
    ['-A INPUT -j MARK --set-xmark 0x0/0xffffff00', '-A INPUT -j MARK --and-mark 0xff'],
  ])('%s == %s', (saved, written) => { expect(rule(written)).toBe(rule(saved)); });
  test.each([
    ['-A INPUT -p tcp --dport 22 -j ACCEPT', '-A INPUT -p udp --dport 22 -j ACCEPT'],
    ['-A INPUT -p tcp --dport 22 -j ACCEPT', '-A INPUT -p tcp ! --dport 22 -j ACCEPT'],
    ['-A INPUT -j REJECT', '-A INPUT -j REJECT --reject-with icmp-host-prohibited'],
    ['-A INPUT -j OWN', '-A INPUT -g OWN'],
    ['-A INPUT -m recent --name a --set -m recent --name b --rcheck -j DROP', '-A INPUT -m recent --name a --rcheck -m recent --name b --set -j DROP'],
    ['-A INPUT -m limit --limit 6/min -j ACCEPT', '-A INPUT -m limit --limit 6/hour -j ACCEPT'],
    ['-A INPUT -j MARK --set-mark 1', '-A INPUT -j MARK --or-mark 1'],
    ['-A INPUT -m mark --mark 0x1 -j ACCEPT', '-A INPUT -m mark --mark 0x1/0xff -j ACCEPT'],
  ])('%s != %s', (one, other) => { expect(rule(one)).not.toBe(rule(other)); });
  test('order of rules and policies count, empty tables and counters do not', () => {
    const text = (first: string, second: string, policy = 'ACCEPT'): string => canonical(parseRules(`*filter\n:INPUT ${policy} [5:9]\n-A INPUT -i lo -j ${first}\n-A INPUT -i lo -j ${second}\nCOMMIT\n*nat\nCOMMIT`));
    expect(text('ACCEPT', 'DROP')).not.toBe(text('DROP', 'ACCEPT'));
    expect(text('ACCEPT', 'DROP', 'DROP')).not.toBe(text('ACCEPT', 'DROP'));
    expect(canonical(parseRules('*nat\n:INPUT ACCEPT [7:7]\nCOMMIT'))).toBe('');
  });
  test('property: rendering and reading again keeps it', () => {
    const ports = fc.integer({ min: 0, max: 65535 }), address = fc.ipV4();
    const rules = fc.array(fc.tuple(address, fc.integer({ min: 0, max: 32 }), ports, fc.constantFrom('ACCEPT', 'DROP', 'REJECT'), fc.string({ unit: 'grapheme-ascii', maxLength: 12 })));
    fc.assert(fc.property(rules, (list) => {
      const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;
      const text = filter(...list.map(([host, bits, port, target, comment]) => `-A INPUT -s ${host}/${String(bits)} -p tcp --dport ${String(port)} -m comment --comment ${quoted(comment)} -j ${target}`));
      const parsed = parseRules(text);
      expect(canonical(parseRules(render(parsed, 'x')))).toBe(canonical(parsed));
    }));
  });
  test('property: a network holds its own address, host bits off', () => {
    fc.assert(fc.property(fc.ipV4(), fc.integer({ min: 0, max: 32 }), (host, bits) => {
      const once = network(`${host}/${String(bits)}`);
      expect(network(once)).toBe(once);
      expect(ipv4Network(once)?.bits).toBe(bits);
    }));
  });
  test('a list of addresses is one rule each', () => {
    expect(canonical(parseRules(filter('-A INPUT -s 10.0.0.1,10.0.0.2 -j ACCEPT')))).toBe(canonical(parseRules(filter('-A INPUT -s 10.0.0.1/32 -j ACCEPT', '-A INPUT -s 10.0.0.2/32 -j ACCEPT'))));
  });
  test.each([
    ['2001:DB8:0:0::1', '2001:db8::1/128'], ['2001:db8::1/64', '2001:db8::/64'], ['2001:db8::ffff:1/113', '2001:db8::ffff:0/113'], ['fe80::1/10', 'fe80::/10'], ['::/0', '::/0'], ['::1', '::1/128'],
  ])('IPv6: %s is %s', (text, printed) => { expect(network(text)).toBe(printed); });
  test('chains may be mixed in a file; iptables-save writes them one by one', () => {
    const [input, own, last] = ['-A INPUT -i lo -j ACCEPT', '-A OWN -j DROP', '-A INPUT -j OWN'] as const;
    expect(canonical(parseRules(filter(input, own, last)))).toBe(canonical(parseRules(filter(input, last, own))));
    expect(canonical(parseRules(filter(input, own, last)))).not.toBe(canonical(parseRules(filter(last, own, input))));
  });
});

describe('whether a new connection gets in', () => {
  const judge = (...rules: string[]): boolean => admits(parseRules(filter(...rules)), COORDINATOR).allowed;
  const REJECT = '-A INPUT -j REJECT --reject-with icmp-host-prohibited', ESTABLISHED = '-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT';
  test('Red Hat\'s default rules let only ssh in', () => {
    const rules = parseRules(sample('rhel7-default.rules'));
    expect(admits(rules, COORDINATOR)).toEqual({ allowed: false, because: REJECT });
    expect(admits(rules, { address: '192.0.2.7', port: 22 }).allowed).toBe(true);
  });
  test('packstack\'s rules let the coordinator in, and nobody else to that port', () => {
    const rules = stripChains(parseRules(sample('rhel6-packstack.rules')), isStale);
    expect(admits(rules, COORDINATOR).allowed).toBe(true);
    expect(admits(rules, { address: '10.77.0.254', port: 9005 }).allowed).toBe(true);
    expect(admits(rules, { address: '10.77.0.253', port: 7443 }).allowed).toBe(false);
    expect(admits(rules, { address: '10.77.0.9', port: 35357 }).allowed).toBe(true);
    expect(admits(rules, { address: '10.77.0.2', port: 5673 }).allowed).toBe(false);
  });
  test('a packet that is taken out of connection tracking is no new connection to the rules that follow', () => {
    const raw = '*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -p tcp -m tcp --dport 7443 -j CT --notrack\nCOMMIT\n';
    expect(admits(parseRules(raw + filter(ESTABLISHED, '-A INPUT -p tcp -m state --state NEW -m tcp --dport 7443 -j ACCEPT', REJECT)), COORDINATOR)).toEqual({ allowed: false, because: '-A PREROUTING -p tcp -m tcp --dport 7443 -j CT --notrack' });
  });
  test.each([
    [true, []],
    [false, [REJECT]],
    [true, ['-A INPUT -p tcp -m tcp --dport 7443 -j ACCEPT', REJECT]],
    [true, [ESTABLISHED, '-A INPUT -s 10.77.0.0/24 -p tcp -m state --state NEW -m tcp --dport 7443 -j ACCEPT', REJECT]],
    // the first packet alone is not a connection
    [false, ['-A INPUT -s 10.77.0.0/24 -p tcp -m state --state NEW -m tcp --dport 7443 -j ACCEPT', REJECT]],
    [false, ['-A INPUT -p tcp -m tcp --dport 7443 --syn -j ACCEPT', REJECT]],
    [false, ['-A INPUT -p tcp -m tcp --dport 7443 -j ACCEPT', '-A OUTPUT -d 10.0.0.0/8 -j DROP']],
    [true, ['-A INPUT -p tcp -m tcp --dport 7443 -j ACCEPT', '-A OUTPUT -p tcp -m tcp --sport 7443 -j ACCEPT', '-A OUTPUT -j DROP']],
    [true, ['-A INPUT -p tcp -m tcp --dport 7443 -j ACCEPT', '-A OUTPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT', '-A OUTPUT -j DROP']],
    [false, ['-A INPUT -p tcp -m tcp --dport 7443 -j ACCEPT', '-A OUTPUT -o eth0 -m state --state ESTABLISHED -j ACCEPT', '-A OUTPUT -j DROP']],
    [true, ['-A INPUT -p tcp -m tcp --dport 7443 -j ACCEPT', '-A OUTPUT -o lo -j DROP', '-A OUTPUT -m state --state NEW -j DROP']],
    [false, ['-A INPUT -s 10.78.0.0/24 -p tcp -m tcp --dport 7443 -j ACCEPT', REJECT]],
    [false, ['-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT', REJECT]],
    [false, ['-A INPUT -i lo -j ACCEPT', '-A INPUT -p icmp -j ACCEPT', REJECT]],
    // not known here: it may match or not, so it lets nobody in and may keep somebody out
    [false, ['-A INPUT -i eth0 -p tcp -m tcp --dport 7443 -j ACCEPT', REJECT]],
    [false, ['-A INPUT -i eth1 -j DROP', '-A INPUT -p tcp -m tcp --dport 7443 -j ACCEPT']],
    [false, ['-A INPUT -m recent --name bad --rcheck -j DROP', '-A INPUT -p tcp -m tcp --dport 7443 -j ACCEPT']],
    [false, ['-A INPUT -p tcp -m tcp --dport https -j DROP', '-A INPUT -p tcp -m tcp --dport 7443 -j ACCEPT']],
    [false, ['-A INPUT -p tcp -m tcp --dport 7443 -j NFQUEUE']],
    // through chains
    [true, ['-A INPUT -j OWN', REJECT, '-A OWN -p tcp -m tcp --dport 7443 -j ACCEPT']],
    [true, ['-A INPUT -j OWN', '-A INPUT -p tcp -m tcp --dport 7443 -j ACCEPT', REJECT, '-A OWN -s 10.77.0.254/32 -j RETURN', '-A OWN -j DROP']],
    [false, ['-A INPUT -j OWN', '-A INPUT -p tcp -m tcp --dport 7443 -j ACCEPT', '-A OWN -j DROP']],
    [false, ['-A INPUT -i eth0 -j OWN', '-A INPUT -j ACCEPT', '-A OWN -j DROP']],
    [true, ['-A INPUT -m limit --limit 5/min -j LOG', '-A INPUT -j ACCEPT']],
    [true, ['-A INPUT ! -s 10.77.0.254/32 -j DROP', '-A INPUT -j ACCEPT', REJECT]],
    [false, ['-A INPUT ! -s 10.77.0.1/32 -j DROP', '-A INPUT -j ACCEPT']],
    [true, ['-A INPUT -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -m conntrack --ctstate NEW -j DROP', '-A INPUT -j ACCEPT']],
    [false, ['-A INPUT -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -j DROP', '-A INPUT -j ACCEPT']],
    [true, ['-A INPUT -p tcp -m tcp --tcp-flags SYN,RST SYN,RST -j DROP', '-A INPUT -j ACCEPT']],
  ])('%s: %j', (allowed, rules) => { expect(judge(...rules)).toBe(allowed); });
  test('a policy counts, and the other tables on the way in', () => {
    expect(admits(parseRules('*filter\n:INPUT DROP [0:0]\nCOMMIT'), COORDINATOR)).toEqual({ allowed: false, because: 'the policy DROP of filter INPUT' });
    expect(admits(parseRules('*filter\nCOMMIT\n*mangle\n-A PREROUTING -s 10.0.0.0/8 -j DROP\nCOMMIT'), COORDINATOR).allowed).toBe(false);
    expect(admits(parseRules('*filter\nCOMMIT\n*nat\n-A PREROUTING -p tcp -m tcp --dport 7443 -j REDIRECT --to-ports 22\nCOMMIT'), COORDINATOR).allowed).toBe(false);
  });
  test('IPv6: the same address, another one, a network', () => {
    const rules = (source: string): boolean => admits(parseRules(filter(`-A INPUT -s ${source} -j ACCEPT`, '-A INPUT -j DROP')), { address: '2001:db8::1', port: 7443 }).allowed;
    expect([rules('2001:db8::1/128'), rules('2001:db8::2/128'), rules('2001:db8::/64')]).toEqual([true, false, false]);
  });
  test('property: adding a rule that drops it, first, always keeps it out', () => {
    fc.assert(fc.property(fc.array(fc.constantFrom('-A INPUT -j ACCEPT', '-A INPUT -i eth0 -j OWN', '-A OWN -j RETURN', '-A OWN -j ACCEPT', REJECT)), (rules) => {
      expect(judge('-A INPUT -p tcp -j DROP', ...rules)).toBe(false);
    }));
  });
});
