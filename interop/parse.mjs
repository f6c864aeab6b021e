// Reads texts as `fetch(…).then((response) => response.json())` does, and says what their member `code` is.
//
//   node parse.mjs < TEXTS
//
// Each line of TEXTS is a text in hexadecimal. Each line of the answer is `null`, if the text is not JSON; otherwise
// an array: empty, if it is no object with a string `code`, or with that string.

import { createInterface } from 'node:readline';

for await (const line of createInterface({ input: process.stdin })) {
  const text = new TextDecoder().decode(Buffer.from(line, 'hex'));
  let said = null;
  try {
    const value = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    said = isObject && Object.hasOwn(value, 'code') && typeof value.code === 'string' ? [value.code] : [];
  } catch {}
  // What is no character is U+FFFD, as for everybody who must write it down.
  console.log(JSON.stringify(said && said.map((code) => code.replace(/\p{Cs}/gu, '\ufffd'))));
}
