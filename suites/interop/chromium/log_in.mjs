// Opens a client's authorization URL in Chromium, logs in as the user in `user.json`, and allows every scope.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { launch } from './launch.mjs';

const user = JSON.parse(readFileSync(join(process.env.INTEROP_BROWSER_FOLDER, 'user.json')));
const browser = await launch();
try {
  const page = await browser.newPage();
  await page.goto(process.argv[2]);
  await page.locator(`button[name=person][value="${user.user_id}"]`).click();
  await page.locator('button[name=decision][value=allow]').click();
  await page.waitForURL((url) => url.pathname.endsWith('/callback'));
  console.log(`redirected to ${page.url().split('?')[0]}: ${await page.title()}`);
} finally {
  await browser.close();
}
