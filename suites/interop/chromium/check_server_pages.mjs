// Checks the pages of the server in Chromium, in a desktop and a phone window, light and dark: the page at its root, the
// page of a 401 response, and the console. Prints one line of JSON per check and writes screenshots.
//
//   node check_server_pages.mjs MCP_URL CONSOLE_URL TOKEN SCREENSHOT_FOLDER
//
// TOKEN is a token of a person with the role Support. The server has recorded no decision yet.

import { join } from 'node:path';
import { checkLayout } from './check_layout.mjs';
import { DESKTOP, launch, PHONE } from './launch.mjs';

const [mcpUrl, consoleUrl, token, screenshotFolder] = process.argv.slice(2);
const TIMEOUT = 10_000; // milliseconds
const LAPTOP = { width: 1280, height: 800 };

const browser = await launch();

function check(name, passed, detail) {
  console.log(JSON.stringify({ name, passed: Boolean(passed), detail }));
}

function equal(name, actual, expected) {
  check(name, JSON.stringify(actual) === JSON.stringify(expected), { actual, expected });
}

/** Calls a tool and returns the status. */
async function call(name, args, authorization = `Bearer ${token}`) {
  const response = await fetch(mcpUrl, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(authorization && { authorization }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } }),
  });
  await response.text();
  return response.status;
}

/** Opens pages in a new browser context, and checks that the browser reports no error. */
async function inWindow(name, contextOptions, steps) {
  const context = await browser.newContext(contextOptions);
  context.setDefaultTimeout(TIMEOUT);
  const page = await context.newPage();
  const errors = [];
  page.on('console', (message) => {
    const expected = message.text().includes('status of 401');
    if (message.type() === 'error' && !expected) errors.push(message.text());
  });
  page.on('pageerror', (error) => errors.push(String(error)));
  const hosts = new Set([new URL(mcpUrl).host, new URL(consoleUrl).host]);
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (!hosts.has(url.host)) errors.push(`request to another host: ${url.origin}`);
  });
  try {
    await steps(page, async (shot) => {
      await page.screenshot({ path: join(screenshotFolder, `${name}-${shot}.png`), fullPage: true });
      await checkLayout(page, `${name}: ${shot}`, check);
    });
    equal(`${name}: the browser reports no errors`, errors, []);
  } catch (error) {
    await page.screenshot({ path: join(screenshotFolder, 'failure.png'), fullPage: true }).catch(() => {});
    check(`${name}: completes without an exception`, false, `${error.stack}\n${errors.join('\n')}`);
  } finally {
    await context.close();
  }
}

const statuses = [
  await call('customer_summary', { customer_id: 'cus_0007' }),
  await call('customer_summary', { customer_id: 'no such customer' }),
  await call('payroll_summary', { year: 2026, month: 8 }),
  await call('ticket_update', { ticket_id: 'tkt_0004', status: 'waiting', comment: 'Not in this queue.' }),
  await call(`<img src=x onerror="alert(1)"> ${'x'.repeat(80)}`, {}),
  await call('whoami', {}, null),
];
equal('the calls before the pages have their statuses', statuses, [200, 200, 403, 200, 200, 401]);

const windows = {
  desktop: { viewport: LAPTOP },
  'desktop-dark': { viewport: LAPTOP, colorScheme: 'dark' },
  phone: { viewport: PHONE },
  'phone-dark': { viewport: PHONE, colorScheme: 'dark' },
};
for (const [device, options] of Object.entries(windows)) {
  await inWindow(device, options, async (page, checkPage) => {
    const response = await page.goto(new URL('/', mcpUrl).href);
    equal(`${device}: the root is a page`, response.status(), 200);
    await checkPage('landing');
    check(`${device}: the page shows the MCP URL`, await page.getByText(mcpUrl, { exact: true }).isVisible());
    const links = await page.getByRole('link').evaluateAll((all) => all.map((link) => link.protocol));
    equal(`${device}: the page links to the clients only`, links, ['cursor:', 'vscode:']);

    const unauthorized = await page.goto(mcpUrl);
    equal(`${device}: the endpoint responds with 401`, unauthorized.status(), 401);
    check(`${device}: the 401 has its challenge`, unauthorized.headers()['www-authenticate']?.startsWith('Bearer '));
    await checkPage('unauthorized');

    await page.goto(consoleUrl);
    await checkPage('console-overview');
    await page.getByRole('link', { name: 'Policy' }).click();
    await checkPage('console-policy');
    check(`${device}: the policy has source locations`, await page.getByText(/src\/tools\S*\.rs:\d+/).first().isVisible());
    await page.getByRole('link', { name: 'Decisions' }).click();
    await page.getByRole('heading', { name: 'Decisions' }).waitFor();
    await checkPage('console-decisions');
    await page.getByLabel('Person').fill('0401');
    await page.getByLabel('Operation').selectOption('payroll_summary');
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.waitForURL(/operation=payroll_summary/);
    await checkPage('console-filtered');
    equal(`${device}: the filter selects one decision`, await page.locator('tbody tr').count(), 1);
    check(`${device}: the decision names the missing scope`, await page.getByText('payroll:read:all').isVisible());
    await page.getByLabel('Person').fill('"><script>alert(1)</script>');
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.getByText('No decision matches.').waitFor();
    await checkPage('console-no-match');
  });
}

await inWindow('without JavaScript', { javaScriptEnabled: false, viewport: DESKTOP }, async (page) => {
  await page.goto(`${consoleUrl}decisions`);
  await page.getByRole('link', { name: 'payroll_summary' }).first().click();
  equal('without JavaScript: the name of a tool links to its decisions', await page.locator('tbody tr').count(), 1);
});

await browser.close();
