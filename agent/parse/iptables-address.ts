/** An address or network as iptables-save prints it: network/prefix, host bits off. Names and lists stay as they are. */
export function network(text: string): string {
  if (text.includes(':')) {
    const [address = '', prefix = '128'] = text.split('/');
    return URL.canParse(`http://[${address}]/`) ? ipv6Network(address, prefix) : text;
  }
  const parsed = ipv4Network(text);
  if (parsed === undefined) return text;
  const { address, bits } = parsed;
  return `${[24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.')}/${String(bits)}`;
}

function ipv6Network(address: string, prefix: string): string {
  const short = (text: string): string => new URL(`http://[${text}]/`).hostname.slice(1, -1);
  if (!/^\d+$/.test(prefix)) return `${short(address)}/${prefix}`;
  const [front = '', back] = short(address).split('::');
  const groups = [front, back ?? ''].map((half) => half.split(':').filter(Boolean));
  const all = [...groups[0] ?? [], ...Array<string>(8 - groups.flat().length).fill('0'), ...groups[1] ?? []];
  const kept = all.map((group, at) => parseInt(group, 16) & ~(0xffff >> Math.min(16, Math.max(0, Number(prefix) - 16 * at))));
  return `${short(kept.map((group) => group.toString(16)).join(':'))}/${prefix}`;
}

/** The network as number and prefix length; undefined for names, lists and masks with holes. */
export function ipv4Network(text: string): { address: number; bits: number } | undefined {
  const [host = '', mask = '32'] = text.split('/');
  const number = (dotted: string): number => dotted.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const DOTTED = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)$/;
  if (!DOTTED.test(host)) return undefined;
  let bits = /^\d{1,2}$/.test(mask) ? Number(mask) : -1;
  if (DOTTED.test(mask)) bits = Array.from({ length: 33 }, (_none, n) => n).find((n) => 2 ** 32 - 2 ** (32 - n) === number(mask)) ?? -1;
  if (bits < 0 || bits > 32) return undefined;
  return { address: Math.floor(number(host) / 2 ** (32 - bits)) * 2 ** (32 - bits), bits };
}
