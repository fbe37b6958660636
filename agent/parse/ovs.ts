/** A bridge of Open vSwitch's database. */
export interface Bridge {
  name: string;
  /** system (the kernel's datapath) or netdev (userspace). */
  datapath: string;
  /** The address it is pinned to (other_config:hwaddr); else empty. */
  hwaddr: string;
  /** Its ports, sorted, without its own. */
  ports: string[];
}

type Cell = string | [string, unknown];
interface Table { headings: string[]; data: Cell[][] }

/** Elements of a cell: RFC 7047 writes a set of one as its element. */
const elements = (cell: Cell | undefined): Cell[] => (Array.isArray(cell) && cell[0] === 'set' ? cell[1] as Cell[] : cell === undefined ? [] : [cell]);
const entries = (cell: Cell | undefined): [string, string][] => (Array.isArray(cell) && cell[0] === 'map' ? cell[1] as [string, string][] : []);
const text = (cell: Cell | undefined): string => (typeof cell === 'string' ? cell : Array.isArray(cell) && cell[0] === 'uuid' ? String(cell[1]) : '');

function rows(line: string | undefined): Record<string, Cell>[] {
  const { headings, data } = JSON.parse(line ?? '') as Table;
  return data.map((row) => Object.fromEntries(headings.map((heading, at) => [heading, row[at] ?? ''])));
}

/**
 * Bridges of `ovs-vsctl --format=json -- --columns=name,ports,datapath_type,other_config list Bridge -- --columns=_uuid,name list Port`:
 * one JSON table a line (table.c of Open vSwitch, RFC 7047 for the values). Throws SyntaxError.
 */
export function parseBridges(output: string): Bridge[] {
  const [bridges, ports] = output.trim().split('\n');
  const names = new Map(rows(ports).map((row) => [text(row['_uuid']), text(row['name'])]));
  return rows(bridges).map((row) => {
    const name = text(row['name']);
    return {
      name, datapath: text(row['datapath_type']) || 'system', hwaddr: Object.fromEntries(entries(row['other_config']))['hwaddr'] ?? '',
      ports: elements(row['ports']).map((port) => names.get(text(port)) ?? '').filter((port) => port !== '' && port !== name).sort(),
    };
  });
}
