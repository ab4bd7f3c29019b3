// Puts `text` into the middle of `width` characters, without white space at the end.
export function centred(text, width) {
  const margin = Math.max(0, Math.floor((width - text.length) / 2));

  return ' '.repeat(margin) + text;
}
