// Opens one address for a client that asked for a browser, logs in as the person who sits at the desk, and allows all.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { launch } from './launch.mjs';

const { person } = JSON.parse(readFileSync(join(process.env.INTEROP_DESK, 'person.json')));
const browser = await launch();
try {
  const page = await browser.newPage();
  await page.goto(process.argv[2]);
  await page.locator(`button[name=person][value="${person}"]`).click();
  await page.getByRole('button', { name: 'Allow' }).click();
  // The application's own page, whatever it says.
  await page.waitForURL((url) => url.pathname.endsWith('/callback'));
  console.log(`came back to ${page.url().split('?')[0]}: ${await page.title()}`);
} finally {
  await browser.close();
}
