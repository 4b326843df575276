// flow_tills.mjs - the dashboard and the tills: a new till is let in by its code, sells, is locked and unlocked;
// its people; what a second log-in needs.
// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { flow, go, password, settled, totp, troublesOf } from './office.mjs';

await flow('tills', async ({ office, claim, open, login, shot }) => {
    const page = await login('admin auditor');
    await shot(page, 'dashboard');
    claim('the dashboard says how many members there are', /24/.test(await page.locator('.stat').first().innerText()));
    claim('the dashboard names the tills that need somebody', await page.getByText('Its card reader is away').count() > 0);

    await go(page, '#/tills');
    await shot(page, 'tills');
    claim('a silent till is on the map in red', await page.locator('.card.border-danger', { hasText: 'T0003' }).count() === 1);
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'CSV' }).click()]);
    claim('the list of tills is a file', readFileSync(await file.path(), 'utf8').split('\n').filter(l => /^"T000\d",/.test(l)).length === 3,
        readFileSync(await file.path(), 'utf8'));

    // By keyboard alone; on paper.
    await page.keyboard.press('/');
    claim('"/" goes to the filter', await page.evaluate(() => document.activeElement.type) === 'search');
    await page.keyboard.type('york');
    claim('the filter leaves what matches', await page.locator('tbody tr').count() === 1);
    await page.keyboard.press('Control+A');
    await page.keyboard.press('Delete');
    await page.getByRole('button', { name: 'Disk, MB free' }).focus();
    await page.keyboard.press('Enter');
    claim('a heading sorts by number', (await page.locator('tbody tr td:first-child').allInnerTexts()).join() === 'T0003,T0002,T0001');
    await page.getByRole('tab', { name: 'Tills', exact: true }).focus();
    await page.keyboard.press('ArrowRight');
    claim('an arrow goes to the next part', await page.getByRole('tab', { selected: true }).innerText() === 'People at the tills');
    await page.keyboard.press('ArrowLeft');
    await settled(page);
    await page.emulateMedia({ media: 'print' });
    claim('paper has the table and no menu, no button', await page.locator('table').isVisible() && !await page.locator('header').isVisible()
        && !await page.locator('.side').isVisible() && await page.locator('.btn:visible').count() === 0);
    await page.emulateMedia({ media: 'screen' });

    // The browser runs no script that stands in a page.
    await page.evaluate(() => {
        const s = document.createElement('script');
        s.textContent = 'window.broken = true';
        document.body.append(s);
    });
    claim('a script that got into a page is not run', !await page.evaluate(() => window.broken) && troublesOf(page).some(x => /Content Security Policy/.test(x)));

    // A till is added in the browser, and enrols with the code shown.
    await page.getByRole('button', { name: 'Add a till' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Add', exact: true }).click();
    claim('a form says which field is missing', await page.getByRole('dialog').getByText('This is needed.').isVisible());
    await page.getByLabel('Code of the shop').fill('LEEDS');
    await page.keyboard.press('Enter');
    const code = (await page.locator('dialog pre').innerText()).split('--code ')[1];
    await page.getByRole('button', { name: 'Done' }).click();
    await page.waitForFunction(() => location.hash === '#/tills/T0004');
    const till = await office.till('LEEDS', code);
    await page.reload();
    await settled(page);
    claim('a new till is in use once it came with its code', await page.getByText('in use').count() === 1);

    // Locked and unlocked.
    await page.getByRole('button', { name: 'Lock', exact: true }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Lock' }).click();
    await page.getByText('It will be locked.').waitFor();
    await till.ask('sync'); // takes the order,
    await till.ask('sync'); // and says that it did
    await page.reload();
    await settled(page);
    claim('the till was locked from the browser', await page.getByText('It is locked by order.').count() === 1);
    await shot(page, 'till');
    await page.getByRole('button', { name: 'Unlock' }).click();
    await page.getByText('It will go on.').waitFor();
    await till.ask('sync');
    await till.ask('sync');
    await page.reload();
    await settled(page);
    claim('and goes on when it is unlocked', await page.getByText('It is locked by order.').count() === 0);

    // Wiping wants the number typed.
    await page.getByRole('button', { name: 'Wipe' }).click();
    await page.getByLabel('Number of the till').fill('T0001');
    await page.getByRole('dialog').getByRole('button', { name: 'Wipe' }).click();
    claim('a till is not wiped by mistake', await page.getByText('This is not its number.').isVisible());
    await page.keyboard.press('Escape');

    // Somebody at the tills.
    await go(page, '#/tills/staff');
    await page.getByRole('button', { name: 'Add somebody' }).click();
    await page.getByLabel('Name').fill('Dora Marr');
    await page.getByLabel('PIN', { exact: true }).fill('12');
    await page.getByRole('dialog').getByRole('button', { name: 'Add' }).click();
    claim('a short PIN is refused at its field', await page.locator('dialog .invalid-feedback.d-block').count() === 1);
    await shot(page, 'staff-fault', [400]);
    await page.getByLabel('PIN', { exact: true }).fill('4711');
    await page.keyboard.press('Enter');
    await page.getByRole('cell', { name: 'Dora Marr' }).first().waitFor();
    await shot(page, 'staff');
    await page.getByRole('tab', { name: 'What they did' }).click();
    await page.getByRole('cell', { name: 'Ann Kelly' }).waitFor();
    await shot(page, 'staff-report');

    // The answer to a change is lost on the way; the name is no markup.
    const evil = '<img src=x onerror=alert(1)>';
    let lost = 0;
    await page.route('**/api/staff', async r => {
        if (r.request().method() !== 'POST' || lost++)
            return r.continue();
        await r.fetch();
        await r.abort();
    });
    await page.getByRole('tab', { name: 'People at the tills' }).click();
    await page.getByRole('button', { name: 'Add somebody' }).click();
    await page.getByLabel('Name').fill(evil);
    await page.keyboard.press('Enter');
    await page.getByText('Head office does not answer.').waitFor();
    troublesOf(page);
    await page.getByRole('dialog').getByRole('button', { name: 'Add' }).click();
    await page.getByText(evil).first().waitFor();
    claim('a change tried again after its answer was lost is done once', lost === 2
        && office.ctl('staff', 'list').filter(p => p.name === evil).length === 1);
    claim('what was typed is text, never markup', await page.locator('#view img').count() === 0);

    // Out and in again: password, then a code that was not used yet.
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.locator('input[name=name]').fill(page.user.name);
    await page.locator('input[name=password]').fill('wrong ' + password);
    await page.keyboard.press('Enter');
    await page.locator('.alert-danger').waitFor();
    await shot(page, 'login', [403]);
    await page.locator('input[name=password]').fill(password);
    await page.keyboard.press('Enter');
    await page.locator('input[name=code]').fill(totp(page.user.secret, 1));
    await page.keyboard.press('Enter');
    await page.locator('#title').waitFor();
    claim('who logs in again shows a code', await page.locator('#title').innerText() === 'Dashboard');

    // A clerk sees the tills and has no order to give; on a phone.
    const clerk = await login('clerk', { phone: true });
    await go(clerk, '#/tills/T0002');
    claim('a clerk gives a till no orders', await clerk.getByRole('button', { name: 'Wipe' }).count() === 0);
    claim('and is told what is wrong with it', await clerk.getByText('Its printer is away or out of paper.').count() === 1);
    await shot(clerk, 'till-phone');
    // Let in no more: the next question says so, and the page asks who it is.
    office.ctl('user', 'disable', clerk.user.name);
    await clerk.evaluate(() => { location.hash = '#/tills'; });
    await clerk.getByText('Your session has ended. Log in again.').waitFor();
    claim('who is let in no more is asked to log in', await clerk.locator('input[name=password]').count() === 1);
    await till.stop();
});
