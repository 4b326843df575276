// flow_cards.mjs - a lost card: the member is found, the card is blocked, tills hear of it one by one, a new card of a
// batch takes its place.
// SPDX-License-Identifier: Apache-2.0
import { flow, go, settled } from './office.mjs';

/** Loads the page anew, until it is shown whole. */
async function again(page) {
    await page.reload();
    await page.waitForFunction(() => document.querySelector('#view > [data-state]'));
    await settled(page);
}

await flow('cards', async ({ office, claim, login, shot }) => {
    const page = await login('clerk');
    const till = await office.till('LEEDS');
    await till.ask('sync');

    // The member calls: found by a part of the name, in one view.
    await go(page, '#/members');
    await page.getByLabel('Number, card, telephone').fill('byron');
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: 'M8', exact: true }).waitFor();
    await shot(page, 'members-found');
    await page.getByRole('link', { name: 'M8', exact: true }).click();
    await page.getByRole('heading', { name: 'Ada Byron (M8)' }).waitFor();
    await shot(page, 'member');
    await page.getByRole('tab', { name: 'What happened and why' }).click();
    await page.getByRole('columnheader', { name: 'Why' }).waitFor();
    const whys = await page.locator('tbody tr', { hasText: 'Purchase' }).allInnerTexts();
    claim('every purchase says how its points came to be', whys.length > 5 && whys.every(w => /point a GBP/.test(w)), whys.slice(0, 3).join());
    await shot(page, 'member-timeline');
    await page.getByRole('tab', { name: 'Cards and channels' }).click();
    await page.getByRole('link', { name: '04a1b2c3d4e508' }).click();
    await page.waitForFunction(() => location.hash === '#/cards/04a1b2c3d4e508');
    await settled(page);

    // Lost: blocked at once; which tills do not know is shown until they have been there.
    await page.getByRole('button', { name: 'Lost' }).click();
    await page.getByRole('dialog').getByLabel('Remark').fill('telephoned');
    await page.getByRole('dialog').getByRole('button', { name: 'Lost' }).click();
    await page.getByText('lost: telephoned').waitFor();
    claim('the card is blocked', await page.getByText('blocked', { exact: true }).count() > 0);
    const missing = page.locator('section', { has: page.getByRole('heading', { name: 'Tills that have not heard of it' }) });
    claim('no till has heard of it yet', await missing.locator('tbody tr').count() === 4, await missing.innerText());
    await shot(page, 'card-lost');
    await till.ask('sync'); // takes the change,
    await till.ask('sync'); // and says that it has it
    await again(page);
    claim('a till that was there is no longer waited for', await missing.locator('tbody tr').count() === 3, await missing.innerText());
    await go(page, '#/cards');
    await page.getByRole('tab', { name: 'Tills' }).click();
    await page.getByRole('columnheader', { name: 'Changes it has not got' }).waitFor();
    claim('the list of tills says it too', await page.locator('tbody tr', { hasText: 'LEEDS' }).locator('td').last().innerText() === '0');
    await shot(page, 'cards-tills');

    // A new card, of a batch ordered for the shop, made on the desk.
    await page.getByRole('tab', { name: 'Batches' }).click();
    await page.getByRole('button', { name: 'Order cards' }).click();
    await page.getByLabel('How many').fill('1');
    await page.getByLabel('Code of the shop').fill('LEEDS');
    await page.getByRole('dialog').getByRole('button', { name: 'Order' }).click();
    await page.waitForFunction(() => location.hash === '#/cards/batch/1');
    await settled(page);
    const desk = await office.desk();
    await desk.cards('new ev2 random spare');
    await desk.cards('present spare');
    const issued = String(office.ctl('card', 'issue', '--batch', '1', '--reader', 'pn532_uart:' + desk.link));
    const fresh = (/ok ([0-9a-f]{14})/.exec(issued) || [])[1];
    claim('the card is made for the batch', Boolean(fresh), issued);
    await again(page);
    claim('it is counted there', await page.getByText('1 of 1').count() === 1);
    await page.getByRole('button', { name: 'made', exact: true }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Yes' }).click();
    await page.getByRole('button', { name: 'sent', exact: true }).waitFor();
    await shot(page, 'batch');

    // It takes the place of the lost one, and the points follow.
    await go(page, '#/cards/04a1b2c3d4e508');
    await page.getByRole('button', { name: 'Replace' }).click();
    await page.getByLabel('Number of the new card').fill('04zz');
    await page.getByRole('dialog').getByRole('button', { name: 'Replace' }).click();
    claim('a mistyped card is refused at its field', await page.locator('dialog .invalid-feedback').first().isVisible());
    await page.getByLabel('Number of the new card').fill(fresh);
    await page.getByRole('dialog').getByRole('button', { name: 'Replace' }).click();
    await page.getByText('Replaced by').waitFor();
    claim('the old card is replaced for ever', await page.getByRole('button', { name: 'Found' }).count() === 0);
    await go(page, '#/cards/' + fresh);
    claim('the new one is the member’s', await page.getByRole('link', { name: 'M8', exact: true }).count() === 1);
    await shot(page, 'card-new');

    // In Chinese, on a tablet.
    const zh = await login('auditor clerk', { language: 'zh', tablet: true });
    await go(zh, '#/cards');
    await shot(zh, 'cards-zh');
    await go(zh, '#/members/M8');
    await shot(zh, 'member-zh');
    await till.stop();
    await desk.stop();
});
