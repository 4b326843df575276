// flow_users.mjs - an administrator lets somebody in, who comes in step by step; the audit log tells of it; a password
// that was lost.
// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { flow, go, settled, totp, troublesOf } from './office.mjs';

await flow('users', async ({ office, claim, open, login, shot }) => {
    const admin = await login('admin auditor');
    await go(admin, '#/users');
    await shot(admin, 'users');
    await admin.getByRole('button', { name: 'Add a user' }).click();
    await admin.getByLabel('Name for logging in').fill('dora');
    await admin.getByRole('dialog').getByRole('button', { name: 'Add', exact: true }).click();
    await admin.getByText('A user needs a role.').waitFor();
    claim('a user without a role is refused', true);
    await admin.getByRole('checkbox', { name: 'Clerk' }).check();
    await admin.getByRole('checkbox', { name: 'Controller' }).check();
    await shot(admin, 'users-add', [400]);
    await admin.getByRole('dialog').getByRole('button', { name: 'Add', exact: true }).click();
    const given = await admin.locator('#made').innerText();
    claim('a password is shown to be handed over', /^[a-z2-9]{4}(-[a-z2-9]{4}){3}$/.test(given), given);
    await admin.getByRole('button', { name: 'Done' }).click();
    await admin.getByText('has not changed the given password').waitFor();

    // Dora comes in: the given password, an authenticator app, a password of her own.
    const dora = await open();
    await dora.goto(office.url);
    await dora.locator('input[name=name]').fill('dora');
    await dora.locator('input[name=password]').fill(given);
    await dora.keyboard.press('Enter');
    const secret = await dora.locator('#secret').innerText();
    claim('the key is also a picture to be scanned', await dora.locator('img').evaluate(i => i.complete && i.naturalWidth > 0));
    await shot(dora, 'login-enrol');
    await dora.locator('input[name=code]').fill(totp(secret));
    await dora.keyboard.press('Enter');
    await dora.locator('input[name=old]').fill(given);
    await dora.locator('input[name=new]').fill('password1234');
    await dora.keyboard.press('Enter');
    await dora.getByText('This password is among the first that would be tried; take another.').waitFor();
    await shot(dora, 'login-password', [422]);
    await dora.locator('input[name=new]').fill('four plain words more');
    await dora.keyboard.press('Enter');
    await dora.locator('#title').waitFor();
    claim('she is in, and sees no audit log', await dora.locator('[data-page=audit]').count() === 0);
    await go(dora, '#/users');
    claim('and of the users herself alone', await dora.locator('#view table').count() === 0
        && await dora.getByRole('button', { name: 'Change my password' }).count() === 1);

    // What happened is in the log, which holds.
    await go(admin, '#/audit');
    await admin.getByRole('cell', { name: 'add_user' }).first().waitFor();
    claim('the log tells who logged in', await admin.getByRole('row', { name: /dora.*change_password/ }).count() >= 1);
    await admin.getByRole('button', { name: 'Check the chain' }).click();
    await admin.getByText('lines are as they were written').waitFor();
    await shot(admin, 'audit');
    const [file] = await Promise.all([admin.waitForEvent('download'), admin.getByRole('link', { name: 'CSV' }).click()]);
    claim('the log is a file', /,"add_user",/.test(readFileSync(await file.path(), 'utf8')));
    await go(admin, '#/audit?refused=1');
    claim('what was refused can be seen alone', await admin.getByRole('cell', { name: 'change_password' }).count() >= 1
        && await admin.getByRole('cell', { name: 'confirm_factor' }).count() === 0);

    // She has lost her telephone: the administrator resets her, and her session is over.
    await go(admin, '#/users');
    await admin.getByRole('row', { name: /dora/ }).getByRole('button', { name: 'New password' }).click();
    await admin.getByRole('dialog').getByRole('button', { name: 'Make one' }).click();
    const second = await admin.locator('#made').innerText();
    claim('the new password is another one', second !== given);
    await dora.evaluate(() => { location.hash = '#/tills'; });
    await dora.locator('input[name=password]').waitFor();
    claim('a reset ends the sessions', await dora.getByText('Your session has ended.').count() === 1);
    troublesOf(dora);
    await dora.locator('input[name=name]').fill('dora');
    await dora.locator('input[name=password]').fill('four plain words more');
    await dora.keyboard.press('Enter');
    await dora.locator('.alert-danger').waitFor();
    claim('and the old password is no more', true);
    troublesOf(dora);
    await settled(admin);
});
