// Uses MCP Inspector's web interface in Chromium as a person does. Prints one line of JSON per check and writes
// screenshots.
//
//   node inspector_web.mjs INSPECTOR_URL SCREENSHOT_PREFIX EXPECTED
//
// EXPECTED is a JSON object, which suite/inspector_web.py describes.

import { DESKTOP, launch } from './launch.mjs';

const [inspectorUrl, screenshotPrefix, json] = process.argv.slice(2);
const expected = JSON.parse(json);

const TIMEOUT = 20_000; // milliseconds

const browser = await launch();
const page = await browser.newPage({ viewport: DESKTOP });
page.setDefaultTimeout(TIMEOUT);

const button = (name, parent = page) => parent.getByRole('button', { name });
const heading = (name) => page.getByRole('heading', { name });

function equal(name, actual, wanted) {
  const passed = JSON.stringify(actual) === JSON.stringify(wanted);
  console.log(JSON.stringify({ name, passed, detail: { actual, expected: wanted } }));
}

function screenshot(name) {
  return page.screenshot({ path: `${screenshotPrefix}-${name}.png` });
}

/** Allows every scope on the consent page, checks which scopes were requested, and waits until Inspector is connected. */
async function allow(name, scopes) {
  const allowButton = page.locator('button[name=decision][value=allow]');
  await allowButton.waitFor();
  equal(name, new URL(page.url()).searchParams.get('scope').split(' ').sort(), scopes);
  await allowButton.click();
  await page.waitForURL((url) => url.origin === new URL(inspectorUrl).origin);
}

async function checkTools(name, tools) {
  await heading(/^Tools \(/).waitFor();
  await heading(`Tools (${tools.length})`).waitFor().catch(() => {});
  const listed = await page.getByRole('button').getByRole('paragraph').allInnerTexts();
  equal(name, listed.filter((text) => /^[a-z_]+$/.test(text)).sort(), tools);
}

/** Executes a tool whose form is open, and returns the text of its result. */
async function execute() {
  await button('Execute Tool').click();
  await heading('Structured Output').waitFor();
  return page.getByRole('main').innerText();
}

try {
  await page.goto(inspectorUrl);
  await page.getByRole('switch', { name: /Connect or disconnect/ }).click({ force: true });
  await page.locator(`button[name=person][value="${expected.userId}"]`).click();
  await allow('the login requests the advertised scopes', expected.advertised);
  await page.getByText('Connected', { exact: true }).waitFor();
  await screenshot('connected');

  await page.getByText('Tools', { exact: true }).click();
  await checkTools('lists the tools of the granted scopes', expected.tools);
  await button(/^whoami/).click();
  equal('whoami returns the role', (await execute()).includes(`"${expected.role}"`), true);
  await screenshot('whoami');

  if (expected.stepUp) {
    await button(/^employee_information_private/).click();
    await page.getByRole('textbox', { name: 'employee_id' }).fill('emp_0042');
    await page.getByRole('checkbox', { name: 'with_salary' }).check({ force: true });
    await button('Execute Tool').click();
    const dialog = page.getByRole('dialog', { name: 'Additional permissions required' });
    await button('Authorize', dialog).waitFor();
    await screenshot('step-up');
    await button('Authorize', dialog).click();
    await allow('the step-up requests the granted scopes and those of the challenge', expected.stepUp.scopes);
    await checkTools('lists the tools of the new scopes', expected.stepUp.tools);
    equal('the call succeeds after the step-up', (await execute()).includes('annual_salary_usd'), true);
    await screenshot('stepped-up');
  }
} catch (error) {
  await screenshot('failure').catch(() => {});
  equal('completes without an exception', error.stack, null);
} finally {
  await browser.close();
}
