// Headless Chromium, the one that the system has.

import { chromium } from 'playwright-core';

export const DESKTOP = { width: 1280, height: 900 };
export const PHONE = { width: 360, height: 740 };

export function launch() {
  return chromium.launch({
    executablePath: process.env.INTEROP_CHROMIUM,
    // Chromium has no sandbox for root.
    chromiumSandbox: process.getuid?.() !== 0,
    args: [
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-quic',
      '--disable-sync',
      '--no-first-run',
      '--no-proxy-server',
    ],
  });
}

/** Chooses who one is, by the name on the button. */
export async function logIn(page, person) {
  await page.getByRole('button', { name: person }).click();
  await page.getByRole('heading', { name: /^Allow / }).waitFor();
}
