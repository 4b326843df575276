// flow_rules.mjs - a rule from draft to till: written in a form and as text, its faults at their fields, previewed over the
// past, proposed, approved by a second person, taken by a real till; and the way back.
// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { flow, go, settled } from './office.mjs';

await flow('rules', async ({ office, claim, login, shot }) => {
    const till = await office.till('LEEDS');
    const page = await login('marketer controller');
    await go(page, '#/rules');
    claim('the version in force is listed', await page.getByText('in force').count() === 1);
    await shot(page, 'rules');

    // A draft from the newest; a fault is said at its field, by head office's validator.
    await page.getByRole('tab', { name: 'Drafts' }).click();
    await page.getByRole('button', { name: 'New draft' }).click();
    await page.getByLabel('What is it about?').fill('Silver sooner');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => /^#\/rules\/draft\/1$/.test(location.hash));
    await page.getByText('These rules are well formed.').waitFor();
    await shot(page, 'rules-forms');
    const rate = page.locator('[data-pointer="/earn/rate"]');
    await rate.fill('0.02');
    await rate.blur();
    await page.locator('.invalid-feedback.d-block').waitFor();
    claim('a fault is shown at its field', await rate.evaluate(e => e.classList.contains('is-invalid')));
    await rate.fill('2/100');
    await rate.blur();
    await page.getByText('These rules are well formed.').waitFor();
    // A tier in the list.
    await page.locator('fieldset', { hasText: 'Tiers, lowest first' }).locator('details').nth(1).locator('summary').click();
    const at = page.locator('[data-pointer="/tiers/levels/1/upgrade_at"]'), keep = page.locator('[data-pointer="/tiers/levels/1/keep_at"]');
    await keep.fill('20.00');
    await at.fill('25.00');
    await at.blur();
    await page.getByText('These rules are well formed.').waitFor();
    // The same as text.
    await page.getByRole('tab', { name: 'Text' }).click();
    const text = await page.getByLabel('Text of the rules').inputValue();
    claim('form and text are the same rules', JSON.parse(text).earn.rate === '2/100' && JSON.parse(text).tiers.levels[1].upgrade_at === 2500, text.slice(0, 400));
    claim('what was written beside the rules stays', /note/.test(text));
    await page.getByLabel('Text of the rules').fill(text.replace('"2/100"', '"2/0"'));
    await page.getByText('things are wrong').waitFor();
    await shot(page, 'rules-text');
    await page.getByLabel('Text of the rules').fill(text);
    await page.getByText('These rules are well formed.').waitFor();
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByText('Saved.').waitFor();
    await page.getByRole('tab', { name: 'What changes' }).click();
    await page.locator('tr.table-success', { hasText: '2/100' }).waitFor();
    claim('what changes is seen line by line', await page.locator('tr.table-danger').count() >= 1);
    await shot(page, 'rules-diff');

    // Previewed: tiers, cost, the most affected, all entries as a file.
    await page.getByRole('tab', { name: 'Preview' }).click();
    await page.getByLabel('As if the draft had counted from').fill('2026-01-01');
    await page.getByRole('button', { name: 'Run it over the past' }).click();
    await page.getByText('Members who rise').waitFor({ timeout: 30000 });
    const rises = Number(await page.locator('.card', { hasText: 'Members who rise' }).locator('.stat').innerText());
    claim('the preview says who rises', rises > 0, rises);
    claim('nobody is left out of it', await page.getByText('are not in the comparison').count() === 0, await page.locator('.preview').innerText());
    claim('it has a matrix of tiers and a chart of the cost', await page.locator('.preview table.table-bordered').count() === 1 && await page.locator('.preview canvas').count() === 1);
    await shot(page, 'rules-preview');
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: /All entries that differ/ }).click()]);
    claim('every entry that differs is in a file', readFileSync(await file.path(), 'utf8').split('\n').length > 10);

    // Proposed; the author does not decide.
    await page.getByRole('tab', { name: 'Publish' }).click();
    await page.getByLabel('Counts from').fill('2026-11-20');
    await page.getByLabel('Reason').fill('More members shall become Silver');
    await page.getByRole('button', { name: 'Propose it' }).click();
    await page.waitForFunction(() => location.hash === '#/proposals/1');
    await settled(page);
    claim('the author cannot approve', await page.getByRole('button', { name: 'Approve' }).count() === 0);

    const second = await login('approver');
    await go(second, '#/proposals');
    await shot(second, 'proposals');
    await second.getByRole('link', { name: '1', exact: true }).click();
    await second.getByText('What it would have done').waitFor();
    claim('who approves sees what changes and what it would have done', await second.locator('tr.table-success').count() > 0 && await second.locator('.preview').count() === 1);
    await shot(second, 'proposal');
    await second.getByRole('button', { name: 'Approve' }).click();
    await second.getByRole('dialog').getByRole('button', { name: 'Approve' }).click();
    await second.getByText('version 2 from 2026-11-20').waitFor();
    claim('it is published once a second person said yes', await second.getByText('done', { exact: true }).count() >= 1);

    // The till takes it.
    await till.ask('sync'); // is sent it,
    await till.ask('sync'); // and says that it has it
    await go(page, '#/rules/tills');
    claim('the till has it', await page.locator('tr', { hasText: 'LEEDS' }).getByText('has the newest').count() === 1, await page.innerText('#view'));
    await shot(page, 'rules-tills');
    const shown = await till.ask('show');
    claim('and works by it', /\bpack=2\b/.test(shown), shown);

    // Back again: the older text as a new version.
    await go(page, '#/rules');
    await page.locator('tr', { hasText: 'past' }).getByRole('button', { name: 'Back to it' }).click();
    await page.getByRole('dialog').getByLabel('Reason').fill('It was too dear');
    await page.getByRole('dialog').getByRole('button', { name: 'Propose it' }).click();
    await page.waitForFunction(() => location.hash === '#/proposals/2');
    await go(second, '#/proposals/2');
    await second.getByRole('button', { name: 'Approve' }).click();
    await second.getByRole('dialog').getByRole('button', { name: 'Approve' }).click();
    await second.getByText('version 3 from').waitFor();
    claim('the way back is a new version', true);

    await go(page, '#/jobs');
    claim('the preview is on the list of long work', await page.getByText('Preview of a draft').count() === 1);
    await shot(page, 'jobs');
    const chinese = await login('marketer', { language: 'zh' });
    await go(chinese, '#/rules/draft/1');
    await shot(chinese, 'rules-forms-zh');
    await till.stop();
});
