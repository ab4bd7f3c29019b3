// An ES module: its default export is the task, and it imports a file of its own.
import { parseCsv } from './lib/csv.js';

export default ({ csv, delimiter = ',' }) => {
  const [header, ...rows] = parseCsv(csv, delimiter);
  if (!header) {
    throw new DataError('the text is empty');
  }

  const records = rows.map((row, index) => {
    if (row.length !== header.length) {
      const expected = `${header.length} fields`;
      throw new DataError(`record ${index + 1} has ${row.length} fields instead of ${expected}`);
    }
    return Object.fromEntries(header.map((name, column) => [name, row[column]]));
  });

  return { columns: header, records };
};
