// Reads texts as `fetch(…).then((response) => response.json())` does. Prints their field `code`.
//
//   node parse.mjs < TEXTS
//
// Each line of TEXTS is a text in hexadecimal. For each line, the program prints one line:
// - `null` if the text is not JSON
// - an array with the string `code` if the text is an object with such a field
// - an empty array for any other JSON

import { createInterface } from 'node:readline';

for await (const line of createInterface({ input: process.stdin })) {
  const text = new TextDecoder().decode(Buffer.from(line, 'hex'));
  let said = null;
  try {
    const value = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    said = isObject && Object.hasOwn(value, 'code') && typeof value.code === 'string' ? [value.code] : [];
  } catch {}
  // A lone surrogate is no character, so write it as U+FFFD.
  console.log(JSON.stringify(said && said.map((code) => code.replace(/\p{Cs}/gu, '\ufffd'))));
}
