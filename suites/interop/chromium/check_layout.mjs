// Checks of one page that every page has to pass: its width and its accessibility.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Checks that a page is not wider than the window and has no axe violation. */
export async function checkLayout(page, name, check) {
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  check(`${name} is not wider than the window`, overflow <= 0, `${overflow} pixels too wide`);
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run());
  const found = violations.map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.html).join(' ')}`);
  check(`${name} has no axe violations`, found.length === 0, { found });
}
