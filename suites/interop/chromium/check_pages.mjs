// Checks the pages of the development tenant in Chromium, in a desktop and a phone window, light and dark. Prints one line
// of JSON per check and writes screenshots.
//
//   node check_pages.mjs AUTH_URL RESOURCE SCREENSHOT_FOLDER

import { join } from 'node:path';
import { checkLayout } from './check_layout.mjs';
import { DESKTOP, launch, PHONE } from './launch.mjs';
import { OAuthClient } from './oauth_client.mjs';

const [authUrl, resource, screenshotFolder] = process.argv.slice(2);

const TIMEOUT = 10_000; // milliseconds
const HR = /Harriet/;
const ENGINEERING = /Edda/;
const PERSON_OF_ROLE = { Management: /Mara/, HR, Engineering: ENGINEERING, Support: /Sanna/ };
const HR_SCOPES = ['employees:read:private', 'employees:read:public', 'payroll:read:all'];

// Texts of the tenant's pages, from dev-tenant/templates/ and dev-tenant/src/http/.
const TEXT = {
  banner: 'Development tenant',
  consentHeading: /^Allow /,
  allow: 'Allow',
  deny: 'Deny',
  denyOnly: 'Back to the application',
  unavailableScopes: 'Requested, but not grantable by your role',
  disabled: /is disabled$/,
  loggedOut: 'You are not logged in any more',
  roleChanged: 'Your role has changed',
  returnToApplication: /^You allowed /,
  deniedAtApplication: /gets no access$/,
  invalidAtApplication: /was invalid$/,
  createToken: 'Create token',
  changeUser: 'Choose another person',
  alreadyAnswered: 'This request was already completed',
  answerAgain: 'Open it again',
  outdatedForm: 'This form is out of date',
  invalidRequest: 'This request cannot be answered',
};

const browser = await launch();
const application = await OAuthClient.register(authUrl, resource, 'Sample application');
const editor = await OAuthClient.register(authUrl, resource, 'Sample editor', 'sample-editor://callback/done');
const tenant = await adminApi('GET', 'tenant');
const allScopes = tenant.scopes.map((scope) => scope.name);
let scenarioName;

function check(name, passed, detail) {
  console.log(JSON.stringify({ name: `${scenarioName}: ${name}`, passed: Boolean(passed), detail }));
}

function equal(name, actual, expected) {
  check(name, JSON.stringify(actual) === JSON.stringify(expected), { actual, expected });
}

async function adminApi(method, path, body) {
  const response = await fetch(`${authUrl}/admin/api/${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return response.json();
}

const idOf = (person) => tenant.people.find(({ name }) => person.test(name)).id;

/** Runs the steps in a new browser context. `expectedError` matches errors that the console may report. */
async function scenario(name, contextOptions, steps, expectedError = null) {
  scenarioName = name;
  const context = await browser.newContext({ viewport: DESKTOP, ...contextOptions });
  context.setDefaultTimeout(TIMEOUT);
  const page = await context.newPage();
  const errors = [];
  page.on('console', (message) => {
    const text = message.text();
    if (message.type() === 'error' && !expectedError?.test(text)) errors.push(text);
  });
  page.on('pageerror', (error) => errors.push(String(error)));
  const allowedHosts = new Set([new URL(authUrl).host, new URL(application.redirectUri).host]);
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol === new URL(editor.redirectUri).protocol) return;
    if (!allowedHosts.has(url.host)) errors.push(`request to another host: ${url.origin}`);
  });
  application.responses = [];
  try {
    await steps(page);
    equal('the browser reports no errors', errors, []);
  } catch (error) {
    await page.screenshot({ path: join(screenshotFolder, 'failure.png'), fullPage: true }).catch(() => {});
    check('completes without an exception', false, `${error.stack}\n${errors.join('\n')}`);
  } finally {
    await context.close();
  }
}

/** Takes screenshots of a page and checks its layout, its banner, and its accessibility in light and dark. */
async function checkPage(page, name) {
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: join(screenshotFolder, `${name}-${colorScheme}.png`), fullPage: true });
    await checkLayout(page, `${name} in ${colorScheme}`, check);
  }
  const text = await page.locator('body').innerText();
  check(`${name} names the development tenant`, text.includes(TEXT.banner), text);
}

/** Checks that a page needs no scrolling in a window of this height. */
async function checkHeight(page, name, height) {
  const actual = await page.evaluate(() => document.documentElement.scrollHeight);
  check(`${name} is at most ${height} pixels high`, actual <= height, `${actual} pixels`);
}

/** Returns the position of the lower edge of an element on the page. */
const bottomOf = async (locator) => locator.evaluate((element) => element.getBoundingClientRect().bottom + scrollY);

const button = (page, name) => page.getByRole('button', { name });
const heading = (page, name) => page.getByRole('heading', { name });
const redirected = (page) => page.waitForURL((url) => url.href.startsWith(application.redirectUri));

/** Chooses a user on the login page by their name. */
async function logIn(page, user) {
  await button(page, user).click();
  await heading(page, TEXT.consentHeading).waitFor();
}

for (const [device, viewport] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
  await scenario(`${device}, HR allows`, { viewport }, async (page) => {
    await page.goto(application.authorizationUrl());
    await checkPage(page, `${device}-login`);
    await logIn(page, HR);
    await checkPage(page, `${device}-consent-hr`);
    await button(page, TEXT.allow).click();
    await redirected(page);
    const [response] = application.responses;
    equal('the response has the state of the request', response.state, application.state);
    equal('the token has the scopes of HR', await application.grantedScopes(), HR_SCOPES);
  });

  await scenario(`${device}, Engineering holds some of the requested scopes`, { viewport }, async (page) => {
    const scopes = ['code:read:repositories', 'employees:read:public', 'payroll:read:all'];
    await page.goto(application.authorizationUrl(scopes));
    await logIn(page, ENGINEERING);
    await checkPage(page, `${device}-consent-engineering-some`);
    equal('an unavailable scope has no checkbox', await page.locator('input[value="payroll:read:all"]').count(), 0);
    const unavailable = page.getByText(`${TEXT.unavailableScopes}: 1 scope`);
    check('the unavailable scope is folded', !(await page.getByText('payroll:read:all').isVisible()));
    await unavailable.click();
    check('the unavailable scope is shown on demand', await page.getByText('payroll:read:all').isVisible());
    await checkPage(page, `${device}-consent-engineering-unfolded`);
    await button(page, TEXT.allow).click();
    await redirected(page);
    equal('the token has the other scopes', await application.grantedScopes(), scopes.slice(0, 2));
  });

  await scenario(`${device}, Engineering holds none of the requested scopes`, { viewport }, async (page) => {
    await page.goto(application.authorizationUrl(['payroll:read:all']));
    await logIn(page, ENGINEERING);
    await checkPage(page, `${device}-consent-engineering-none`);
    equal('there is no button to allow', await button(page, TEXT.allow).count(), 0);
    await button(page, TEXT.denyOnly).click();
    await redirected(page);
    equal('the application receives access_denied', application.responses.at(-1).error, 'access_denied');
  });

  await scenario(`${device}, back button after the redirect`, { viewport }, async (page) => {
    await page.goto(application.authorizationUrl());
    await logIn(page, HR);
    await button(page, TEXT.allow).click();
    await redirected(page);
    equal('the code is valid', await application.grantedScopes(), HR_SCOPES);
    await page.goBack();
    // If the browser shows the form again, submit it again.
    if (await button(page, TEXT.allow).isVisible()) await button(page, TEXT.allow).click();
    await heading(page, TEXT.alreadyAnswered).waitFor();
    await checkPage(page, `${device}-already-answered`);
    equal('the application receives no second response', application.responses.length, 1);
    await page.getByRole('link', { name: TEXT.answerAgain }).click();
    await button(page, TEXT.allow).click();
    await redirected(page);
    equal('a second consent issues another code', await application.grantedScopes(), HR_SCOPES);
  });

  for (const [role, person] of Object.entries(PERSON_OF_ROLE)) {
    await scenario(`${device}, ${role} is asked for every scope`, { viewport }, async (page) => {
      await page.goto(application.authorizationUrl(allScopes));
      await logIn(page, person);
      await checkPage(page, `${device}-consent-every-scope-${role.toLowerCase()}`);
      if (device === 'desktop') await checkHeight(page, 'the consent page', 800);
      const end = await bottomOf(button(page, TEXT.deny));
      check('the buttons are within 800 pixels', end <= 800, `${end} pixels`);
    });
  }

  await scenario(`${device}, application with its own scheme`, { viewport }, async (page) => {
    await page.goto(editor.authorizationUrl(HR_SCOPES));
    await logIn(page, HR);
    await button(page, TEXT.allow).click();
    await heading(page, TEXT.returnToApplication).waitFor();
    await checkPage(page, `${device}-return-allowed`);
    const link = new URL(await page.getByRole('link', { name: 'Open Sample editor' }).getAttribute('href'));
    equal('the link has the response', [link.protocol, link.searchParams.get('state')], ['sample-editor:', editor.state]);
    editor.responses = [Object.fromEntries(link.searchParams)];
    equal('the code is valid', await editor.grantedScopes(), HR_SCOPES);
  });

  await scenario(`${device}, denied to an application with its own scheme`, { viewport }, async (page) => {
    await page.goto(editor.authorizationUrl(HR_SCOPES));
    await logIn(page, HR);
    await button(page, TEXT.deny).click();
    await heading(page, TEXT.deniedAtApplication).waitFor();
    await checkPage(page, `${device}-return-denied`);
  });

  await scenario(`${device}, invalid request of an application with its own scheme`, { viewport }, async (page) => {
    await page.goto(editor.authorizationUrl(HR_SCOPES, { code_challenge: 'short' }));
    await heading(page, TEXT.invalidAtApplication).waitFor();
    await checkPage(page, `${device}-return-invalid`);
    // Chromium opens an application by itself only after a click.
  }, /status of 400|user gesture is required/);

  await scenario(`${device}, disabled during the consent`, { viewport }, async (page) => {
    await page.goto(application.authorizationUrl());
    await logIn(page, ENGINEERING);
    await adminApi('POST', `people/${idOf(ENGINEERING)}/disable`);
    try {
      await button(page, TEXT.allow).click();
      await heading(page, TEXT.disabled).waitFor();
      await checkPage(page, `${device}-disabled`);
      await page.getByRole('link', { name: TEXT.changeUser }).click();
      check('the login page says who is disabled', await page.getByText('You were logged in as Edda').isVisible());
      await checkPage(page, `${device}-login-disabled`);
    } finally {
      await adminApi('POST', `people/${idOf(ENGINEERING)}/enable`);
    }
    equal('the application receives no response', application.responses, []);
  }, /status of 403/);

  await scenario(`${device}, role changed during the consent`, { viewport }, async (page) => {
    await page.goto(application.authorizationUrl());
    await logIn(page, ENGINEERING);
    await adminApi('PUT', `people/${idOf(ENGINEERING)}/role`, { role: 'Support' });
    try {
      await button(page, TEXT.allow).click();
      await heading(page, TEXT.roleChanged).waitFor();
      await checkPage(page, `${device}-role-changed`);
    } finally {
      await adminApi('PUT', `people/${idOf(ENGINEERING)}/role`, { role: 'Engineering' });
    }
  }, /status of 403/);

  await scenario(`${device}, session ended during the consent`, { viewport }, async (page) => {
    await page.goto(application.authorizationUrl());
    await logIn(page, ENGINEERING);
    await adminApi('POST', `people/${idOf(ENGINEERING)}/revoke`);
    await button(page, TEXT.allow).click();
    await heading(page, TEXT.loggedOut).waitFor();
    await checkPage(page, `${device}-logged-out`);
  }, /status of 403/);

  await scenario(`${device}, administration`, { viewport }, async (page) => {
    await page.goto(`${authUrl}/admin`);
    await checkPage(page, `${device}-admin`);
    const events = page.getByRole('region', { name: 'Recent events' });
    check('a consent is in the history', await events.getByText('allowed access').first().isVisible());
    const grants = page.getByRole('region', { name: 'Grants' }).getByRole('button', { name: /^Revoke/ });
    const before = await grants.count();
    await page.getByRole('button', { name: /Sample editor/ }).first().click();
    await page.getByRole('status').waitFor();
    equal('one grant is revoked', await grants.count(), before - 1);

    const tokenForm = page.getByRole('region', { name: 'Create a token for a person' });
    await tokenForm.getByLabel('Lifetime').selectOption('15 minutes');
    await button(page, TEXT.createToken).click();
    await heading(page, /^Token of /).waitFor();
    await checkPage(page, `${device}-token`);
    const token = await page.locator('code.token').innerText();
    check('the token is not in the address', !page.url().includes(token), page.url());
    await page.getByRole('link', { name: 'Back to the admin page' }).click();
    check('the token is not shown again', !(await page.content()).includes(token));

    const matrix = page.getByRole('region', { name: 'What each role can grant' });
    const scope = matrix.getByRole('rowheader').first();
    const left = async () => (await scope.boundingBox()).x;
    const start = await left();
    await matrix.evaluate((element) => { element.scrollLeft = element.scrollWidth; });
    equal('the first column of the matrix stays', await left(), start);
    if (device === 'phone') {
      const { width } = await scope.boundingBox();
      check('the first column leaves room for the roles', width <= 200, `${width} pixels`);
      check('the matrix scrolls', await matrix.evaluate((element) => element.scrollLeft > 0));
      await matrix.screenshot({ path: join(screenshotFolder, 'phone-admin-matrix-scrolled.png') });
    }
  });

  await scenario(`${device}, unregistered redirect URI`, { viewport }, async (page) => {
    const unregistered = 'http://127.0.0.1:1/unregistered';
    await page.goto(application.authorizationUrl(null, { redirect_uri: unregistered }));
    await heading(page, TEXT.invalidRequest).waitFor();
    await checkPage(page, `${device}-unregistered-redirect-uri`);
    for (const address of [unregistered, application.redirectUri]) {
      check(`${address} is shown`, await page.getByText(address).isVisible());
    }
  }, /status of 400/);

  await scenario(`${device}, unknown client`, { viewport }, async (page) => {
    await page.goto(application.authorizationUrl(null, { client_id: 'unknown' }));
    await heading(page, TEXT.invalidRequest).waitFor();
    await checkPage(page, `${device}-invalid-request`);
  }, /status of 400/);
}

await scenario('deny', {}, async (page) => {
  await page.goto(application.authorizationUrl());
  await logIn(page, HR);
  await button(page, TEXT.deny).click();
  await redirected(page);
  const [response] = application.responses;
  const expected = ['access_denied', application.state];
  equal('the application receives access_denied', [response.error, response.state], expected);
  equal('the application receives no code', response.code, undefined);
});

await scenario('double click', {}, async (page) => {
  await page.goto(application.authorizationUrl());
  await logIn(page, HR);
  await button(page, TEXT.allow).dblclick({ noWaitAfter: true });
  await redirected(page);
  equal('one code is issued', new Set(application.responses.map((response) => response.code)).size, 1);
  equal('the code is valid', await application.grantedScopes(), HR_SCOPES);
});

await scenario('form submitted twice concurrently', {}, async (page) => {
  await page.goto(application.authorizationUrl());
  await logIn(page, HR);
  const fields = await page.locator('form').evaluate((form) => [...new FormData(form)]);
  const body = new URLSearchParams([...fields, ['decision', 'allow']]).toString();
  const post = () =>
    page.request.post(`${authUrl}/oauth/2.1/consent`, {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      data: body,
      maxRedirects: 0,
    });
  const responses = await Promise.all([post(), post()]);
  equal('both responses redirect', responses.map((response) => response.status()), [303, 303]);
  const locations = new Set(responses.map((response) => response.headers().location));
  equal('both responses have the same code', locations.size, 1);
  application.responses.push(Object.fromEntries(new URL([...locations][0]).searchParams));
  equal('the code is valid', await application.grantedScopes(), HR_SCOPES);
});

await scenario('change of user', {}, async (page) => {
  await page.goto(application.authorizationUrl());
  await logIn(page, HR);
  // The login page and the consent page have the same URL, so this returns to the consent page.
  await page.goBack();
  await page.getByRole('link', { name: TEXT.changeUser }).click();
  await logIn(page, ENGINEERING);
  check('the consent page names the new user', await page.getByText('Edda (sample)').isVisible());
  await button(page, TEXT.allow).click();
  await redirected(page);
  const scopes = ['analytics:read:all', 'code:read:repositories', 'employees:read:public', 'ticket:read:all'];
  equal('the token has the scopes of the new user', await application.grantedScopes(), scopes);
});

await scenario('consent form of an earlier user', {}, async (page) => {
  await page.goto(application.authorizationUrl());
  await logIn(page, HR);
  const otherWindow = await page.context().newPage();
  await otherWindow.goto(application.authorizationUrl(null, { prompt: 'login' }));
  await logIn(otherWindow, ENGINEERING);
  await button(page, TEXT.allow).click();
  await heading(page, TEXT.outdatedForm).waitFor();
  await checkPage(page, 'desktop-outdated-form');
  equal('the application receives no response', application.responses, []);
}, /status of 403/);

await scenario('keyboard without JavaScript', { javaScriptEnabled: false }, async (page) => {
  await page.goto(application.authorizationUrl());
  await tabTo(page, HR);
  await page.keyboard.press('Enter');
  await heading(page, TEXT.consentHeading).waitFor();
  await tabTo(page, /payroll:read:all/);
  await page.keyboard.press('Space');
  await page.screenshot({ path: join(screenshotFolder, 'desktop-keyboard.png'), fullPage: true });
  await tabTo(page, new RegExp(`^${TEXT.allow}$`));
  await page.keyboard.press('Enter');
  await redirected(page);
  equal('an unchecked scope is not granted', await application.grantedScopes(), HR_SCOPES.slice(0, 2));
});

await scenario('second authorization of a logged-in user', {}, async (page) => {
  await page.goto(application.authorizationUrl());
  await logIn(page, HR);
  await page.goto(application.authorizationUrl(['employees:read:public', 'finance:read:revenue']));
  await heading(page, TEXT.consentHeading).waitFor();
  check('the login page is skipped', await page.getByText('Harriet (sample)').isVisible());
});

/** Presses the Tab key until the focused element has this text. */
async function tabTo(page, text) {
  for (let presses = 0; presses < 40; presses += 1) {
    await page.keyboard.press('Tab');
    const focused = await page.evaluate(() => {
      const element = document.activeElement;
      return (element.labels?.[0] ?? element).innerText ?? '';
    });
    if (text.test(focused.trim())) return;
  }
  throw new Error(`the Tab key does not reach ${text}`);
}

application.close();
editor.close();
await browser.close();
