// flow_refund.mjs - the redemption and refund desk: a reward is had, a voucher used, another taken back; a receipt is
// found and its refund seen before it happens; a missed receipt is claimed; a person gets their data and is forgotten.
// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { flow, go, settled } from './office.mjs';

await flow('refund', async ({ office, claim, login, shot }) => {
    const page = await login('clerk');
    const ask = path => page.evaluate(p => fetch(p).then(r => r.json()), path);
    const points = async () => (await ask('/api/members/M8')).points;
    const before = await points();

    // A voucher: set aside, taken, used, and not twice.
    await go(page, '#/rewards?member=M8');
    await shot(page, 'rewards');
    await page.getByRole('button', { name: 'Redeem A mug' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Set the points aside' }).click();
    await page.getByLabel('What happens now?').selectOption('voucher');
    await page.getByRole('dialog').getByRole('button', { name: 'Go on' }).click();
    await page.locator('#code').waitFor();
    const code = await page.locator('#code').innerText();
    claim('a voucher has a code of twelve letters', /^[2-9A-Z]{4}-[2-9A-Z]{4}-[2-9A-Z]{4}$/.test(code), code);
    claim('its price is off the member’s points', await points() === before - 20);
    await shot(page, 'voucher');
    await go(page, '#/rewards');
    await page.getByRole('tab', { name: 'Vouchers' }).click();
    await page.getByLabel('Code of the voucher').fill(code.toLowerCase());
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'It is used now' }).click();
    await page.getByRole('dialog').getByLabel('Code of the shop').fill('BATH');
    await page.getByRole('dialog').getByRole('button', { name: 'Use it' }).click();
    await page.getByText('The voucher is used.').waitFor();
    await page.getByRole('button', { name: 'It is used now' }).waitFor({ state: 'detached' }).catch(() => {});
    claim('a voucher that was used cannot be used again', await page.getByRole('button', { name: 'It is used now' }).count() === 0);
    await shot(page, 'voucher-used');

    // Another reward, taken back: its points are there again.
    await go(page, '#/rewards?member=M8');
    await page.getByRole('button', { name: 'Redeem A mug' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Set the points aside' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Go on' }).click();
    await page.getByText('The reward is had.').waitFor();
    await go(page, '#/rewards?member=M8');
    await page.getByRole('tab', { name: 'What was had' }).click();
    await page.getByRole('button', { name: 'Take back redemption 2' }).click();
    await page.getByLabel('Reason').fill('it was broken');
    await page.getByRole('dialog').getByRole('button', { name: 'Take back' }).click();
    await page.waitForFunction(n => fetch('/api/members/M8').then(r => r.json()).then(m => m.points === n), before - 20);
    claim('a reward taken back gives its points back', await points() === before - 20);

    // A receipt: what would a refund do?  Seeing it changes nothing.
    const rows = (await ask('/api/members/M8/timeline')).rows;
    const sale = rows.find(r => r.what === 'sale' && r.points > 0);
    await go(page, '#/rewards');
    await page.getByRole('tab', { name: 'Receipts and refunds' }).click();
    await page.getByLabel('Number of the receipt').fill(sale.entry);
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Show what it would do' }).click();
    await page.getByText('Nothing was changed.').waitFor();
    claim('a refund of all of it takes back what it earned', (await page.locator('#refund .stat').nth(1).innerText()) === String(sale.points),
        `${sale.points}: ${await page.locator('#refund').innerText()}`);
    claim('and has not happened', await points() === before - 20);
    await shot(page, 'refund');

    // A missed receipt.
    const nobodys = await page.evaluate(async () => {
        for (let till = 1; till <= 3; till++)
            for (let n = 400; n > 0; n--) {
                const r = await fetch(`/api/receipts?text=T000${till}-${n}`).then(a => a.json());
                if (r.rows[0] && !r.rows[0].member && r.rows[0].time > '2026-11-12')
                    return r.rows[0];
            }
        return null;
    });
    claim('somebody bought without a card', nobodys !== null);
    await go(page, '#/members/M8');
    await page.getByRole('tab', { name: 'Rewards' }).click();
    await page.getByLabel('Number of the receipt').fill(nobodys.receipt);
    await page.getByLabel('Total').fill('0.01');
    await page.getByRole('button', { name: 'Claim' }).click();
    await page.getByText('there is no receipt with this number and this total').waitFor();
    await page.getByLabel('Total').fill(String(nobodys.total / 100));
    await page.getByRole('button', { name: 'Claim' }).click();
    await page.getByRole('tab', { name: 'Person' }).waitFor();
    await page.waitForFunction(n => fetch('/api/members/M8').then(r => r.json()).then(m => m.points > n), before - 20);
    claim('a missed receipt is claimed by its number and total', await points() > before - 20);
    await shot(page, 'claim', [404]);

    // Own data, then forgotten; points stay.
    const now = await points();
    await go(page, '#/members/M8');
    await page.getByRole('tab', { name: 'Privacy' }).click();
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Save as CSV' }).click()]);
    claim('a person gets their data as a file', /Ada Byron/.test(readFileSync(await file.path(), 'utf8')));
    await page.getByRole('button', { name: 'Forget the person' }).click();
    await page.getByRole('dialog').getByRole('textbox').fill('M9');
    await page.getByRole('dialog').getByRole('button', { name: 'Forget', exact: true }).click();
    await page.getByText('type M8 to say that it is this member', { exact: true }).waitFor();
    await page.getByRole('dialog').getByRole('textbox').fill('M8');
    await page.getByRole('dialog').getByRole('button', { name: 'Forget', exact: true }).click();
    await page.waitForFunction(() => document.getElementById('title').textContent === 'M8');
    await settled(page);
    claim('the person is forgotten and the points are not', await points() === now && !/Byron/.test(await page.locator('#view').innerText()));
    await shot(page, 'forgotten', [400]);

    const zh = await login('controller clerk', { language: 'zh' });
    await go(zh, '#/rewards?member=M4');
    await shot(zh, 'rewards-zh');
    await go(zh, '#/members');
    await zh.getByRole('tab', { name: '个人资料保留期限' }).click();
    await settled(zh);
    await shot(zh, 'retention-zh');

    // Months later: who was not heard of is due, and forgotten by a job.
    office.clock('2027-02-01T10:00:00');
    const boss = await login('controller');
    await go(boss, '#/members');
    await boss.getByRole('tab', { name: 'How long persons are kept' }).click();
    await boss.getByRole('button', { name: 'Change' }).click();
    await boss.getByLabel('Months without').fill('1');
    await boss.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    const forget = boss.getByRole('button', { name: 'Forget these' });
    await forget.waitFor();
    const due = await boss.locator('tbody tr').count();
    claim('who is due is shown by number alone', due > 10 && !/Kovacs/.test(await boss.locator('#view').innerText()), await boss.locator('#view').innerText());
    await shot(boss, 'retention');
    await forget.click();
    await boss.getByRole('dialog').getByRole('button', { name: 'Forget', exact: true }).click();
    await boss.getByText(`${due} persons are forgotten.`).waitFor();
    claim('nobody is due any more', await forget.count() === 0);
});
