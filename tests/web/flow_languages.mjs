// flow_languages.mjs - every page of the menu in English and in Chinese, on a desk, a tablet and a phone; what a role may
// not open is not in its menu.
// SPDX-License-Identifier: Apache-2.0
import { flow, go, settled } from './office.mjs';

const english = /[A-Za-z]{3,} [a-z]{2,} [a-z]{2,}/; // three words in a row: a sentence that nobody translated

await flow('languages', async ({ office, claim, login, open, shot }) => {
    const page = await login('admin auditor controller approver clerk marketer', { name: 'everybody' });
    const names = await page.locator('[data-page]').evaluateAll(links => links.map(a => a.dataset.page));
    claim('everybody’s menu has all pages', names.length >= 8, names.join());
    /** What stands in the page itself: headings, buttons, labels; what people or rules said is in their language. */
    const inChinese = async where => {
        const own = await page.locator('h1,h2,button,label,th,legend,.nav-link').allInnerTexts();
        claim(`${where}: no heading, button or label is left in English`, !own.some(s => english.test(s)), own.filter(s => english.test(s)).join('\n'));
    };
    for (const language of ['en', 'zh']) {
        await page.setViewportSize({ width: 1280, height: 800 });
        await page.locator('#language').selectOption(language);
        await page.waitForFunction(l => document.documentElement.lang.startsWith(l), language);
        for (const name of names) {
            await go(page, '#/' + name);
            claim(`${name} opens in ${language}`, await page.locator('#view > [data-state=ready]').count() === 1, await page.locator('#view').innerText());
            await shot(page, `${name}-${language}`);
            if (language === 'zh')
                await inChinese(name);
            const parts = await page.getByRole('tab').count();
            for (let i = 1; i < parts; i++) {
                await page.getByRole('tab').nth(i).click();
                await shot(page, `${name}-${language}-part${i + 1}`, [409]); // what wants a closed period says so
                claim(`part ${i + 1} of ${name} opens in ${language}`, await page.locator('[role=tabpanel] > [data-state=ready]').count() === 1);
                if (language === 'zh')
                    await inChinese(`${name}, part ${i + 1}`);
            }
        }
        // On a tablet and on a phone nothing is wider than the screen.
        for (const [what, width, height] of [['tablet', 820, 1180], ['phone', 375, 812]]) {
            await page.setViewportSize({ width, height });
            for (const name of names) {
                await go(page, '#/' + name);
                await shot(page, `${name}-${language}-${what}`);
            }
        }
    }
    // The menu on a phone, by keyboard.
    await page.locator('header button').first().click();
    await page.locator('.offcanvas.show, .offcanvas-lg.show').waitFor();
    claim('the menu opens on a phone', await page.getByRole('navigation').getByRole('link').first().isVisible());
    await page.keyboard.press('Escape');

    // Each role has its own menu, and an address typed by hand opens no more than it.
    for (const [role, lacks] of [['clerk', 'audit'], ['marketer', 'audit'], ['admin', 'reviews']]) {
        const one = await login(role);
        const menu = await one.locator('[data-page]').evaluateAll(links => links.map(a => a.dataset.page));
        await go(one, '#/' + lacks);
        claim(`a ${role} finds no ${lacks}`, !menu.includes(lacks) && await one.locator('#view > [data-state=failed]').count() === 1, menu.join());
        await one.context().close();
    }
    const stranger = await open({ language: 'zh' });
    await stranger.goto(office.url + '/#/users');
    await stranger.locator('input[name=name]').waitFor();
    await settled(stranger);
    await shot(stranger, 'login-zh');
    claim('a browser that speaks Chinese is asked in Chinese', await stranger.getByText('用户名').count() === 1);
});
