// Splits CSV text into rows of fields, as RFC 4180 describes it: a field in quotes may hold
// delimiters and line ends, and two quotes in it stand for one.
export function parseCsv(text, delimiter) {
  const rows = [];
  let row = [];
  let field = '';
  let quoted = false;

  const endField = () => {
    row.push(field);
    field = '';
  };
  const endRow = () => {
    endField();
    rows.push(row);
    row = [];
  };

  for (let index = 0; index < text.length; index += 1) {
    const letter = text[index];
    if (quoted) {
      if (letter !== '"') {
        field += letter;
      } else if (text[index + 1] === '"') {
        field += '"';
        index += 1;
      } else {
        quoted = false;
      }
    } else if (letter === '"' && field === '') {
      quoted = true;
    } else if (letter === delimiter) {
      endField();
    } else if (letter === '\n') {
      endRow();
    } else if (letter !== '\r' || text[index + 1] !== '\n') {
      field += letter;
    }
  }

  if (quoted) {
    throw new DataError('a quote is opened and never closed');
  }
  if (field !== '' || row.length > 0) {
    endRow();
  }
  return rows;
}
