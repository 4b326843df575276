// flow_points.mjs - points by hand and by two, two numbers that are one person, a household, opening balances.
// SPDX-License-Identifier: Apache-2.0
import { flow, go, settled } from './office.mjs';

await flow('points', async ({ office, claim, open, login, shot }) => {
    const page = await login('clerk controller');
    const held = m => office.ctl('member', 'show', m).held;
    const tab = name => page.getByRole('tab', { name }).click();
    const inDialog = () => page.getByRole('dialog');

    // By hand: in the limit, then above it.
    await go(page, '#/points?member=M1');
    const before = held('M1');
    await page.getByLabel('Points', { exact: false }).first().fill('150');
    await page.getByLabel('Reason').fill('spilt coffee');
    await page.getByRole('button', { name: 'Give or take' }).click();
    await page.getByText(/Done: HQ-/).waitFor();
    claim('points are given by hand', held('M1') === before + 150, `${before} ${held('M1')}`);
    await page.getByLabel('Points', { exact: false }).first().fill('6000');
    await page.getByLabel('Reason').fill('a lost card');
    await page.getByRole('button', { name: 'Give or take' }).click();
    await page.getByText(/waits for a second person/).waitFor();
    claim('above the limit nothing is given yet', held('M1') === before + 150);
    await shot(page, 'points');

    // Two numbers, one person; and not after all.
    await tab('Two numbers, one person');
    const one = held('M1'), two = held('M2');
    await page.getByLabel('The other number').fill('M2');
    await page.getByRole('button', { name: 'Compare' }).click();
    await page.locator('#merge').waitFor();
    await shot(page, 'merge');
    await page.locator('#merge').click();
    await inDialog().getByLabel('Reason').fill('two cards');
    await inDialog().getByRole('button', { name: 'Merge' }).click();
    await page.getByText('in force').waitFor();
    claim('a merge brings the points of both together', held('M1') === one + two && held('M2') === 0);
    await page.getByRole('button', { name: /^Undo/ }).click();
    await inDialog().getByLabel('Reason').fill('her daughter');
    await inDialog().getByRole('button', { name: 'Undo' }).click();
    await page.getByText(/^undone/).waitFor();
    claim('and is undone', held('M1') === one && held('M2') === two);

    // A household.
    await tab('Households');
    await page.getByRole('button', { name: 'New household' }).click();
    await inDialog().getByLabel('Name').fill('Lovelace');
    await inDialog().getByLabel(/^Head/).fill('M1');
    await inDialog().getByRole('button', { name: 'Make it' }).click();
    await page.getByRole('button', { name: 'A member joins' }).click();
    await inDialog().getByLabel('Number of the member').fill('M3');
    await inDialog().getByRole('button', { name: 'Joins' }).click();
    await page.getByRole('link', { name: 'M3' }).waitFor();
    await shot(page, 'household');
    claim('a household has its head and a member', await page.locator('tbody tr').count() === 2);

    // Opening balances: a file with faults, then a good one.
    await go(page, '#/points');
    await tab('Opening balances');
    const file = text => page.locator('input[type=file]').setInputFiles({ name: 'old.csv', mimeType: 'text/csv', buffer: Buffer.from(text) });
    await file('member,points,last_day\nM4,70,never\nM999,x,never\n');
    await page.getByRole('button', { name: 'Check it' }).click();
    await page.getByText('M999 is not a member').waitFor();
    await shot(page, 'opening');
    claim('a file with faults cannot be taken', await page.locator('#take').count() === 0);
    const four = held('M4');
    await file('member,points,last_day\nM4,70,never\n');
    await page.getByRole('button', { name: 'Check it' }).click();
    await page.locator('#take').click();
    await inDialog().getByRole('button', { name: 'Take it' }).click();
    await page.waitForLoadState('load');
    await settled(page);
    claim('a good one is', held('M4') === four + 70);
    await tab('Opening balances');
    await page.getByText('old.csv').waitFor();

    // In Chinese, for somebody who only looks.
    const other = await login('auditor', { language: 'zh' });
    await go(other, '#/points');
    await shot(other, 'points-zh');
    claim('an auditor sees and changes nothing', await other.getByRole('button', { name: '增减积分' }).count() === 0);
});
