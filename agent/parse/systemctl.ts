/** Blocks of `systemctl show -p ... UNIT...`: one for each unit, in the order asked, separated by an empty line. */
export function parseShow(text: string): Record<string, string>[] {
  return text.split(/\n\s*\n/).filter((block) => block.trim() !== '').map((block) => Object.fromEntries(
    block.split('\n').filter((line) => line.includes('=')).map((line) => {
      const at = line.indexOf('=');
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  ));
}

/** Seconds since the epoch of a time as `systemctl show` prints it under TZ=UTC; undefined for none (empty, or n/a). Throws Error for another form. */
export function parseUtcTime(text: string): number | undefined {
  if (text === '' || text === 'n/a') return undefined;
  const [, day, time] = /^[A-Z][a-z]{2} (\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}) UTC$/.exec(text) ?? [];
  if (day === undefined || time === undefined) throw new Error(`no time in UTC: ${text}`);
  return Date.parse(`${day}T${time}Z`) / 1000;
}
