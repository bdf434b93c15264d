// The pages of the development tenant in a real browser, at a desk and on a telephone. Prints a line of JSON for each
// promise; the screenshots are for people to look at.
//
//   node pages.mjs AUTH_URL RESOURCE FOLDER_FOR_SCREENSHOTS

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Application } from './application.mjs';
import { DESKTOP, launch, logIn, PHONE } from './launch.mjs';

const [authUrl, resource, folder] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const HR = /Harriet/;
const ENGINEERING = /Edda/;
const HR_SCOPES = ['employees:read:private', 'employees:read:public', 'payroll:read:all'];
const TIMEOUT = 10_000; // milliseconds

const browser = await launch();
const application = await Application.register(authUrl, resource, 'Sample application');
let scene;

function check(what, ok, detail) {
  console.log(JSON.stringify({ name: `${scene}: ${what}`, ok: Boolean(ok), detail }));
}

function equal(what, found, expected) {
  check(what, JSON.stringify(found) === JSON.stringify(expected), { found, expected });
}

/** One visit in a browser without a history. `tolerated` is the status of an answer that the console calls an error. */
async function visit(name, settings, story, tolerated = null) {
  scene = name;
  const context = await browser.newContext({ viewport: DESKTOP, ...settings });
  context.setDefaultTimeout(TIMEOUT);
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes(`status of ${tolerated}`)) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  const hosts = new Set([new URL(authUrl).host, new URL(application.redirectUri).host]);
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (!hosts.has(url.host)) complaints.push(`asks ${url.origin} for something`);
  });
  application.answers = [];
  try {
    await story(page);
    equal('the browser has nothing to complain about', complaints, []);
  } catch (error) {
    await page.screenshot({ path: join(folder, 'failure.png'), fullPage: true }).catch(() => {});
    check('goes to its end', false, `${error.stack}\n${complaints.join('\n')}`);
  } finally {
    await context.close();
  }
}

/** A picture, and what can be told of a page without looking at it. */
async function look(page, name) {
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  check(`${name} is not wider than the window`, overflow <= 0, `${overflow} pixels too wide`);
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run());
  const found = violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(' ')}`);
  equal(`${name} has nothing that axe finds`, found, []);
  const text = await page.locator('body').innerText();
  check(`${name} says that it is a development tenant`, text.includes('Development tenant'), text);
}

const allow = (page) => page.getByRole('button', { name: 'Allow' });
const cameBack = (page) => page.waitForURL((url) => url.href.startsWith(application.redirectUri));

async function grantedScopes() {
  const token = await application.redeem();
  return token.status === 200 ? token.scope.split(' ').sort() : token;
}

for (const [device, viewport] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
  await visit(`${device}, HR allows`, { viewport }, async (page) => {
    await page.goto(application.start());
    await look(page, `${device}-login`);
    await logIn(page, HR);
    await look(page, `${device}-consent-hr`);
    await allow(page).click();
    await cameBack(page);
    const [answer] = application.answers;
    equal('the state comes back', answer.state, application.state);
    equal('the token has what HR may grant', await grantedScopes(), HR_SCOPES);
  });

  await visit(`${device}, Engineering asks for more than it holds`, { viewport }, async (page) => {
    await page.goto(application.start(['code:read:repositories', 'employees:read:public', 'payroll:read:all']));
    await logIn(page, ENGINEERING);
    await look(page, `${device}-consent-engineering-partly`);
    equal('what it lacks has no box to tick', await page.locator('input[value="payroll:read:all"]').count(), 0);
    const refused = page.getByRole('region', { name: 'Asked for, but not yours to allow' });
    check('what it lacks is named', await refused.getByText('payroll:read:all').isVisible());
    await allow(page).click();
    await cameBack(page);
    equal('the token has the rest', await grantedScopes(), ['code:read:repositories', 'employees:read:public']);
  });

  await visit(`${device}, Engineering can grant nothing of it`, { viewport }, async (page) => {
    await page.goto(application.start(['payroll:read:all']));
    await logIn(page, ENGINEERING);
    await look(page, `${device}-consent-engineering-nothing`);
    equal('there is nothing to allow', await allow(page).count(), 0);
    await page.getByRole('button', { name: 'Back to the application' }).click();
    await cameBack(page);
    equal('the application is told', application.answers.at(-1).error, 'access_denied');
  });

  await visit(`${device}, back after the answer`, { viewport }, async (page) => {
    await page.goto(application.start());
    await logIn(page, HR);
    await allow(page).click();
    await cameBack(page);
    equal('the code is good', await grantedScopes(), HR_SCOPES);
    await page.goBack();
    // Where the browser shows the form again, it is sent again.
    if (await allow(page).isVisible()) await allow(page).click();
    await page.getByRole('heading', { name: 'You have answered this already' }).waitFor();
    await look(page, `${device}-answered-already`);
    equal('the application is not called again', application.answers.length, 1);
    await page.getByRole('link', { name: 'Answer once more' }).click();
    await allow(page).click();
    await cameBack(page);
    equal('whoever answers once more gets another code', await grantedScopes(), HR_SCOPES);
  });

  await visit(`${device}, administration`, { viewport }, async (page) => {
    await page.goto(`${authUrl}/admin`);
    await look(page, `${device}-admin`);
  });
}

await visit('deny', {}, async (page) => {
  await page.goto(application.start());
  await logIn(page, HR);
  await page.getByRole('button', { name: 'Deny' }).click();
  await cameBack(page);
  const [answer] = application.answers;
  equal('the application is told', [answer.error, answer.state], ['access_denied', application.state]);
  equal('there is no code', answer.code, undefined);
});

await visit('a double click', {}, async (page) => {
  await page.goto(application.start());
  await logIn(page, HR);
  await allow(page).dblclick({ noWaitAfter: true });
  await cameBack(page);
  equal('there is one code', new Set(application.answers.map((answer) => answer.code)).size, 1);
  equal('and it is good', await grantedScopes(), HR_SCOPES);
});

await visit('the form sent twice at the same moment', {}, async (page) => {
  await page.goto(application.start());
  await logIn(page, HR);
  const form = await page.locator('form').evaluate((form) => [...new FormData(form)]);
  const body = new URLSearchParams([...form, ['decision', 'allow']]).toString();
  const post = () =>
    page.request.post(`${authUrl}/oauth/2.1/consent`, {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      data: body,
      maxRedirects: 0,
    });
  const answers = await Promise.all([post(), post()]);
  equal('both are answered', answers.map((answer) => answer.status()), [303, 303]);
  const locations = new Set(answers.map((answer) => answer.headers().location));
  equal('with the same code', locations.size, 1);
  application.answers.push(Object.fromEntries(new URL([...locations][0]).searchParams));
  equal('and it is good', await grantedScopes(), HR_SCOPES);
});

await visit('somebody else after all', {}, async (page) => {
  await page.goto(application.start());
  await logIn(page, HR);
  // Both pages have one address, so this leads to the consent page again.
  await page.goBack();
  await page.getByRole('link', { name: 'Choose somebody else' }).click();
  await logIn(page, ENGINEERING);
  check('the person is the one who was chosen last', await page.getByText('Edda (sample, Engineering)').isVisible());
  await allow(page).click();
  await cameBack(page);
  const scopes = ['analytics:read:all', 'code:read:repositories', 'employees:read:public', 'ticket:read:all'];
  equal('the token is for them', await grantedScopes(), scopes);
});

await visit('a form of somebody else in another window', {}, async (page) => {
  await page.goto(application.start());
  await logIn(page, HR);
  const other = await page.context().newPage();
  await other.goto(application.start(null, { prompt: 'login' }));
  await logIn(other, ENGINEERING);
  await allow(page).click();
  await page.getByRole('heading', { name: 'This form is out of date' }).waitFor();
  await look(page, 'desktop-out-of-date');
  equal('nothing was allowed', application.answers, []);
}, 403);

await visit('with the keyboard alone, without JavaScript', { javaScriptEnabled: false }, async (page) => {
  await page.goto(application.start());
  await focus(page, HR);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: /^Allow / }).waitFor();
  await focus(page, /payroll:read:all/);
  await page.keyboard.press('Space');
  await page.screenshot({ path: join(folder, 'desktop-keyboard.png'), fullPage: true });
  await focus(page, /^Allow$/);
  await page.keyboard.press('Enter');
  await cameBack(page);
  equal('what was unticked is not granted', await grantedScopes(), HR_SCOPES.slice(0, 2));
});

await visit('logged in already', { colorScheme: 'dark' }, async (page) => {
  await page.goto(application.start());
  await look(page, 'desktop-dark-login');
  await logIn(page, HR);
  await page.goto(application.start(['employees:read:public', 'finance:read:revenue']));
  await page.getByRole('heading', { name: /^Allow / }).waitFor();
  await look(page, 'desktop-dark-consent');
  check('the login page is left out', await page.getByText('Harriet (sample, HR)').isVisible());
});

await visit('a request that cannot be trusted', {}, async (page) => {
  await page.goto(application.start(null, { redirect_uri: 'http://127.0.0.1:1/elsewhere' }));
  await page.getByRole('heading', { name: 'This request cannot be answered' }).waitFor();
  await look(page, 'desktop-broken-request');
}, 400);

/** Moves the focus on until it is where it should be. */
async function focus(page, name) {
  for (let step = 0; step < 40; step += 1) {
    await page.keyboard.press('Tab');
    const text = await page.evaluate(() => {
      const at = document.activeElement;
      return (at.labels?.[0] ?? at).innerText ?? '';
    });
    if (name.test(text.trim())) return;
  }
  throw new Error(`the keyboard does not get to ${name}`);
}

application.close();
await browser.close();
