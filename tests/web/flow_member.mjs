// flow_member.mjs - the member page on a phone: a one-time code, points and what ends when, the code for the till,
// history with reasons, consent, a complaint, own data; both languages.
// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { flow, settled } from './office.mjs';

/** The newest code in the outbox, as whoever sends it would see it. */
function codeSent(office) {
    const vals = execFileSync('sqlite3', [join(office.home, 'patron.db'), "SELECT vals FROM message WHERE purpose = 'code' ORDER BY id DESC LIMIT 1"], { encoding: 'utf8' });
    return vals.match(/\d{6}/)?.[0];
}

await flow('member', async ({ office, claim, open, shot }) => {
    const page = await open({ phone: true });
    await page.goto(office.url + '/me');
    await page.locator('input[name=name]').waitFor();
    await shot(page, 'me-login');

    // Nobody's number gets the same answer as somebody's.
    await page.locator('input[name=name]').fill('M9999');
    await page.keyboard.press('Enter');
    await page.locator('input[name=code]').waitFor();
    claim('nobody learns whether a number is a member’s', codeSent(office) === undefined);
    await page.getByRole('button', { name: 'Cancel' }).click();

    await page.locator('input[name=name]').fill('04a1b2c3d4e501');
    await page.keyboard.press('Enter');
    await page.locator('input[name=code]').waitFor();
    const code = codeSent(office);
    claim('a code is sent to who has this card', /^\d{6}$/.test(code || ''));
    await page.locator('input[name=code]').fill(code === '111111' ? '222222' : '111111');
    await page.keyboard.press('Enter');
    await page.locator('.alert-danger').waitFor();
    await page.locator('input[name=code]').fill(code);
    await page.keyboard.press('Enter');
    await page.locator('#points').waitFor();
    await page.locator('#member-code').waitFor();
    await shot(page, 'me-points', [401, 403]);
    const has = office.ctl('member', 'show', 'M1');
    claim('the page says the points the books have', (await page.locator('#points').innerText()).replace(/\D/g, '') === String(has.held ?? has.points?.held ?? ''), JSON.stringify(has).slice(0, 300));
    claim('the code for the till is a QR code and can be read out', await page.locator('svg.qr path').count() === 1
        && (await page.locator('#member-code').innerText()).length > 8);
    const shown = await page.locator('#member-code').innerText();
    await page.locator('#another-code').click();
    await page.waitForFunction(old => document.getElementById('member-code')?.textContent !== old, shown);
    claim('another code comes when it is asked for: a till may have taken the first', (await page.locator('#member-code').innerText()).length === shown.length);
    claim('what ends when is listed', await page.locator('.facts dt').count() > 0);

    for (const [name, picture] of [['History', 'me-history'], ['Rewards', 'me-rewards'], ['Tell us', 'me-say'], ['About me', 'me-mine']]) {
        await page.getByRole('navigation').getByText(name, { exact: true }).click();
        await page.waitForFunction(n => document.getElementById('title').textContent === n, name);
        await shot(page, picture);
        if (name === 'History')
            claim('history says why', /at 1 point a GBP/.test(await page.locator('#view').innerText()), (await page.locator('#view').innerText()).slice(0, 400));
    }
    // Consent is taken back and given.
    await page.getByRole('switch', { name: /Messages/ }).click();
    await page.getByText(/agreed on/).last().waitFor();
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Save my data' }).click()]);
    claim('a member takes their own data home', /Bela|Ada|王|M1/.test(readFileSync(await file.path(), 'utf8')));

    // A complaint, and its state.
    await page.getByRole('navigation').getByText('Tell us').click();
    await page.getByRole('button', { name: 'Something was wrong' }).click();
    await page.getByLabel('What happened?').fill('The cup was broken <b>twice</b>');
    await shot(page, 'me-complaint');
    await page.getByRole('dialog').getByRole('button', { name: 'Send' }).click();
    await page.getByRole('button', { name: 'Look' }).click();
    await page.getByRole('dialog').waitFor();
    claim('a complaint has a number and a state, and what was typed stays text', await page.getByRole('dialog').getByText('The cup was broken <b>twice</b>').count() > 0);
    await page.keyboard.press('Escape');

    // The same in Chinese.
    await page.getByLabel('Language').selectOption('zh');
    await page.locator('#title', { hasText: '反馈' }).waitFor();
    await shot(page, 'me-say-zh');
    await page.getByRole('navigation').getByText('积分', { exact: true }).click();
    await page.locator('#member-code').waitFor();
    await settled(page);
    await shot(page, 'me-points-zh');
    await page.goto(office.url + '/');
    claim('a member’s session opens no console', Boolean(await page.waitForSelector('input[name=password]')));
    await page.goto(office.url + '/me');
    await page.getByRole('button', { name: '退出' }).click();
    await page.locator('input[name=name]').waitFor();
    claim('who logs out is out', (await page.request.get(office.url + '/api/mine')).status() === 401);
});
