// flow_close.mjs - a month's close: what it will say is seen first, closing it says the same, it stays, and its lines go
// out to the general ledger.
// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { flow, go } from './office.mjs';

const number = text => Number(text.replace(/[^\d-]/g, ''));

await flow('close', async ({ claim, login, office, shot }) => {
    const page = await login('controller');
    await go(page, '#/reports');
    await page.getByRole('tab', { name: 'Points and their worth' }).waitFor();
    await shot(page, 'reports');

    await page.getByRole('tab', { name: 'Close a period' }).click();
    await page.getByLabel('Last day of the period').fill('2026-10-31');
    await page.getByLabel('Of the points bought, how many in 100 will be redeemed').fill('95');
    await page.getByRole('button', { name: 'Show what it will say' }).click();
    await page.getByText('Nothing is closed yet. This is what the period will say:').waitFor();
    const figures = async () => (await page.locator('.stat').allTextContents()).map(number);
    const before = await figures();
    const money = async () => (await page.locator('dl.facts dd').allTextContents()).slice(0, 6);
    const moneyBefore = await money();
    await shot(page, 'close-looked-at');
    claim('looking closes nothing', (await page.evaluate(async () => (await (await fetch('/api/periods')).json()).rows.length)) === 0);

    await page.getByRole('button', { name: 'Close the period' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Close the period' }).click();
    await page.getByRole('heading', { name: /Period 1/ }).waitFor();
    claim('the closed period says what was looked at', JSON.stringify([await figures(), await money()]) === JSON.stringify([before, moneyBefore]),
        JSON.stringify([before, moneyBefore, await figures(), await money()]));
    const [opening, earned, redeemed, expired, adjusted, closing] = before;
    claim('opening + earned - redeemed - expired + adjusted is closing', opening + earned - redeemed - expired + adjusted === closing, before.join());
    await shot(page, 'close-period');

    const [saved] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Lines for the general ledger' }).click()]);
    const lines = readFileSync(await saved.path(), 'utf8').trim().split('\n').slice(1).map(l => l.split(','));
    const sum = i => lines.reduce((s, l) => s + Math.round(Number(l[i]) * 100), 0);
    claim('debits and credits of the general ledger are equal and not nothing', sum(4) === sum(5) && sum(4) > 0, lines.join('\n'));

    await go(page, '#/reports');
    await page.getByRole('tab', { name: 'Close a period' }).click();
    await page.getByLabel('Last day of the period').fill('2026-10-15');
    await page.getByRole('button', { name: 'Show what it will say' }).click();
    await page.getByText('2026-10-15 is closed already').waitFor();
    claim('what is closed is not closed again', true);
    await shot(page, 'close-again', [409]);

    const auditor = await login('auditor');
    await go(auditor, '#/reports');
    claim('an auditor sees reports and closes nothing', await auditor.getByRole('tab', { name: 'Close a period' }).count() === 0);

    const chinese = await login('controller', { language: 'zh' });
    await go(chinese, '#/reports/1');
    await shot(chinese, 'close-period-zh');
    claim('in Chinese too', (await chinese.locator('#title').textContent()).includes('期'));
});
