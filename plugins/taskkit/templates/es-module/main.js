// An ES module: what it exports by default is called with the input. It may import any file
// below this folder.
import { centred } from './lib/format.js';

export default function (input) {
  const lines = input.lines.map((line) => centred(line, input.width));

  return { text: lines.join('\n') };
}
