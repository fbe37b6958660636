/** Blocks of `systemctl show -p ... UNIT...`: one for each unit, in the order asked, separated by an empty line. */
export function parseShow(text: string): Record<string, string>[] {
  return text.split(/\n\s*\n/).filter((block) => block.trim() !== '').map((block) => Object.fromEntries(
    block.split('\n').filter((line) => line.includes('=')).map((line) => {
      const at = line.indexOf('=');
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  ));
}
