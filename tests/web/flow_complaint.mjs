// flow_complaint.mjs - a complaint from the desk to its end: passed on, points to put things right, handled; the member sees it on
// the phone and is not satisfied, then is; audit, figures; satisfaction; a campaign that somebody else starts; the outbox.
// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { flow, go, settled } from './office.mjs';

await flow('complaint', async ({ office, claim, login, open, shot }) => {
    const clerk = await login('clerk');
    const dialog = clerk.getByRole('dialog');
    const press = name => dialog.getByRole('button', { name, exact: true }).click();
    const step = async (name, fill) => {
        await clerk.locator(`[data-step="${name}"]`).click();
        await fill?.();
        await dialog.locator('form button[type=submit]').click();
        await dialog.waitFor({ state: 'detached' });
        await settled(clerk);
    };

    // It comes at the desk.
    await go(clerk, '#/complaints');
    await clerk.getByRole('button', { name: 'New complaint' }).click();
    await press('Record');
    claim('what is missing is said at its field', await dialog.locator('.invalid-feedback.d-block').count() === 2);
    await dialog.getByLabel('Member number').fill('M1');
    await dialog.locator('select[name=kind]').selectOption('points');
    await dialog.getByLabel('What the member says').fill('The points of my last purchase are missing.');
    await press('Record');
    await clerk.waitForFunction(() => /C1/.test(document.getElementById('title').textContent));
    await settled(clerk);
    claim('it is recorded at once by who took it', await clerk.locator('[aria-current=step]').innerText() === 'recorded');

    // Passed on, points, handled.
    await step('pass on', () => dialog.getByLabel('To whom').fill('Shop in Bath'));
    claim('it is with whom it was passed on to', await clerk.getByText('Shop in Bath').count() > 0);
    await clerk.getByRole('button', { name: 'Give points' }).click();
    await dialog.getByLabel('Points').fill('5000');
    await dialog.getByLabel('Why (the member reads this)').fill('We are sorry.');
    await press('Give');
    await clerk.getByText('a second person is asked').waitFor();
    claim('a clerk gives no more points than a clerk may', await clerk.getByRole('cell', { name: '5,000', exact: true }).count() === 0);
    await settled(clerk);
    await clerk.getByRole('button', { name: 'Give points' }).click();
    await dialog.getByLabel('Why (the member reads this)').fill('We are sorry.');
    await dialog.getByLabel('Points').fill('150');
    await press('Give');
    await clerk.getByRole('cell', { name: '150', exact: true }).waitFor();
    claim('the points stand in the ledger with the complaint as their reason',
        JSON.stringify(office.ctl('member', 'show', 'M1')).includes('complaint C1: We are sorry.'));
    await step('handle', () => dialog.getByLabel('What was done (the member reads this)').fill('The purchase was booked.'));
    await shot(clerk, 'complaint');

    // The member, on the phone: not satisfied, and it is handled again; then satisfied.
    const phone = await open({ phone: true });
    await phone.goto(office.url + '/me');
    await phone.locator('input[name=name]').fill('M1');
    await phone.keyboard.press('Enter');
    await phone.locator('input[name=code]').waitFor();
    const code = execFileSync('sqlite3', [join(office.home, 'patron.db'), "SELECT vals ->> 'code' FROM message WHERE purpose = 'code' ORDER BY id DESC LIMIT 1"],
        { encoding: 'utf8' }).trim();
    await phone.locator('input[name=code]').fill(code);
    await phone.keyboard.press('Enter');
    await phone.locator('#points').waitFor();
    const answer = async word => {
        await phone.getByRole('button', { name: 'Look' }).click();
        await phone.getByText('Are you satisfied with what was done?').waitFor();
        const said = await phone.getByRole('dialog').innerText();
        await phone.getByRole('dialog').getByRole('button', { name: word, exact: true }).click();
        await phone.getByText('Thank you.').waitFor();
        await settled(phone);
        return said;
    };
    await phone.getByRole('navigation').getByText('Tell us').click();
    await phone.getByRole('button', { name: 'Look' }).waitFor();
    claim('the member sees that it was dealt with', await phone.getByText('dealt with').count() === 1);
    claim('and reads what was done, and no more', /The purchase was booked/.test(await answer('No')) && await phone.getByText('Shop in Bath').count() === 0);
    await clerk.reload();
    await settled(clerk);
    claim('who is not satisfied gets it handled again', await clerk.locator('[aria-current=step]').innerText() === 'passed on');
    await step('handle', () => dialog.getByLabel('What was done (the member reads this)').fill('Called and explained.'));
    await phone.reload();
    await phone.getByRole('button', { name: 'Look' }).waitFor();
    await answer('Yes');
    await shot(phone, 'me-complaint-state', [401]);
    await clerk.reload();
    await settled(clerk);
    const ask = opinion => async () => dialog.locator('select[name=opinion]').selectOption(opinion);
    await step('follow up', ask('satisfied'));
    claim('the first complaint is drawn for the audit, and not by its own clerk', await clerk.getByText('drawn for the audit').count() === 1
        && await clerk.locator('[data-step]').count() === 0);
    const controller = await login('controller');
    await go(controller, '#/complaints');
    await controller.getByRole('tab', { name: 'To be audited' }).click();
    await controller.getByRole('link', { name: 'C1' }).click();
    await controller.locator('[data-step=audit]').click();
    await controller.getByLabel('It was handled well').check();
    await controller.getByLabel('What was found').fill('Two calls would have done.');
    await controller.getByRole('dialog').locator('form button[type=submit]').click();
    await controller.locator('[aria-current=step]', { hasText: 'audited' }).waitFor();
    claim('it has come to its end', await controller.locator('[data-step]').count() === 0);
    await go(clerk, '#/complaints/C1');
    await clerk.reload();
    await settled(clerk);
    claim('every step is in the history', await clerk.locator('tbody').first().locator('tr').count() >= 10);

    // Figures, and a file of them.
    await go(clerk, '#/complaints');
    await clerk.getByRole('tab', { name: 'Figures' }).click();
    await clerk.getByText('Until the first answer').first().waitFor();
    await shot(clerk, 'complaint-figures');
    const [file] = await Promise.all([clerk.waitForEvent('download'), clerk.getByRole('link', { name: 'CSV' }).click()]);
    claim('the figures are a file', /received/.test(readFileSync(await file.path(), 'utf8')));

    // What a member said.
    await go(clerk, '#/feedback');
    await clerk.getByRole('button', { name: 'What a member said' }).click();
    await dialog.getByLabel('Expected (1-5)').fill('4');
    await dialog.getByLabel('Result (1-5)').fill('6');
    await press('Save');
    claim('a score is 1 to 5', await dialog.locator('.invalid-feedback.d-block').count() === 1);
    await dialog.getByLabel('Result (1-5)').fill('2');
    await dialog.getByLabel('Price').check();
    await press('Save');
    await clerk.getByText('-2.00').first().waitFor();
    await settled(clerk);
    await shot(clerk, 'feedback');
    await clerk.getByRole('tab', { name: 'Improvements' }).click();
    await clerk.getByRole('button', { name: 'Something to improve' }).click();
    await dialog.locator('input[name=title]').fill('A second till on Fridays');
    await press('Add');
    await clerk.getByRole('cell', { name: 'A second till on Fridays' }).waitFor();
    await shot(clerk, 'improvements');

    // A campaign: written by one, started by another.
    const marketer = await login('marketer');
    const its = marketer.getByRole('dialog');
    await go(marketer, '#/campaigns');
    await marketer.getByRole('tab', { name: 'Segments' }).click();
    await marketer.getByRole('button', { name: 'New segment' }).click();
    await marketer.getByRole('button', { name: 'Add a condition' }).click();
    await its.locator('select[name=fact]').selectOption('days_since_joining');
    await its.locator('input[name=least]').fill('1');
    await its.getByRole('button', { name: 'Add', exact: true }).click();
    await marketer.getByText(/of 24 members/).waitFor();
    claim('a segment is counted before it is used', await marketer.getByText('days since joining: at least 1').count() > 0);
    await marketer.locator('input[name=segment]').fill('REGULAR');
    await marketer.locator('input[name=name]').fill('Regular customers');
    await shot(marketer, 'segment');
    await marketer.locator('form button[type=submit]').click();
    await marketer.getByRole('cell', { name: 'REGULAR', exact: true }).waitFor();
    await marketer.getByRole('tab', { name: 'Campaigns' }).click();
    await marketer.getByRole('button', { name: 'New campaign' }).click();
    for (const [name, value] of [['campaign', 'WINTER'], ['name', 'Winter coupons'], ['from', '2026-11-01'], ['to', '2026-12-24'], ['budget', '100']])
        await its.locator(`input[name=${name}]`).fill(value);
    await its.locator('select[name=segment]').selectOption('REGULAR');
    await its.locator('select[name=kind]').selectOption('coupon');
    claim('what an offer does not have is not asked', !await its.locator('input[name=reward]').isVisible());
    await its.locator('form button[type=submit]').click();
    await marketer.getByRole('cell', { name: 'WINTER', exact: true }).waitFor();
    claim('who writes a campaign does not start it', await marketer.getByRole('button', { name: 'Start' }).count() === 0);

    const approver = await login('approver', { language: 'zh' });
    await go(approver, '#/campaigns');
    await shot(approver, 'campaigns-zh');
    await approver.getByRole('button', { name: '启动' }).click();
    await approver.getByRole('dialog').getByRole('button', { name: '启动' }).click();
    await approver.getByText('进行中').first().waitFor();
    await go(approver, '#/campaigns/WINTER');
    await approver.getByText('对照组购买率').waitFor();
    await shot(approver, 'campaign-result-zh');

    // The member finds the coupon.
    await phone.getByRole('navigation').getByText('Rewards').click();
    await phone.getByText('My coupons').waitFor();
    claim('the member finds the coupon of the campaign', await phone.getByText(/^WINTER-[2-9A-Z]{6}$/).count() === 1);
    await shot(phone, 'me-coupons');

    // The outbox has what the complaint and the campaign had to say.
    await go(clerk, '#/messages');
    claim('the member was told that it was handled', await clerk.getByRole('cell', { name: 'complaint-handled' }).count() > 0
        || (await clerk.locator('.stat').first().innerText()) === '0', await clerk.innerText('body'));
    await shot(clerk, 'messages');

    // On a tablet, in Chinese.
    const tablet = await login('clerk', { tablet: true, language: 'zh' });
    await go(tablet, '#/complaints/C1');
    await shot(tablet, 'complaint-zh');
    claim('and in Chinese', await tablet.getByText('已抽查').count() > 0);
});
