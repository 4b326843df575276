// office.mjs - what the flows share: a head office with a past, real tills, Chromium, and what every page is held to.
//
//     import { flow } from './office.mjs';
//     await flow('tills', async ({ claim, office, login, shot }) => {
//         const page = await login('admin');              // roles by name: 'clerk', 'controller approver', ...
//         await page.goto(office.url + '/#/tills');
//         await shot(page, 'tills');                      // build/web/tills.png, after the checks below
//         claim('three tills are there', await page.locator('tbody tr').count() === 3);
//     });
//
// A flow prints "ok - claim" lines, and ends what it started.  SPDX-License-Identifier: Apache-2.0
import { execFileSync, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const build = resolve(process.env.BUILD || 'build');
const pictures = join(build, 'web');
export const today = '2026-11-20';
export const password = 'a long walk in the rain';

const program = name => join(build, name);

/* ---- claims ---- */

let failed = 0;
/** Prints it; a claim that does not hold fails the flow. */
export function claim(text, holds, more = '') {
    console.log(`${holds ? 'ok' : 'not ok'} - ${text}`);
    if (!holds) {
        failed++;
        if (more)
            console.log('    ' + String(more).replaceAll('\n', '\n    '));
    }
    return Boolean(holds);
}

/* ---- processes ---- */

const running = [];
/** Starts a program; gives { child, line: async () => next line of its output }. */
function start(name, args, log) {
    const child = spawn(program(name), args, { stdio: ['ignore', 'pipe', 'pipe'] });
    running.push(child);
    const lines = [], waiting = [];
    let rest = '';
    child.stdout.on('data', d => {
        rest += d;
        for (let i; (i = rest.indexOf('\n')) >= 0; rest = rest.slice(i + 1))
            waiting.length ? waiting.shift()(rest.slice(0, i)) : lines.push(rest.slice(0, i));
    });
    child.stderr.on('data', d => log.push(String(d)));
    child.on('exit', () => { child.gone = true; waiting.forEach(f => f(null)); });
    const line = () => lines.length ? Promise.resolve(lines.shift()) : new Promise((f, bad) => {
        waiting.push(f);
        setTimeout(() => bad(new Error(`${name} says nothing: ${log.join('')}`)), 20000).unref();
    });
    return { child, line };
}

/** Runs a program to its end. */
async function finished(name, args) {
    const log = [], { child } = start(name, args, log);
    const code = await new Promise(f => { child.on('exit', f); });
    if (code)
        throw new Error(`${name} ended with ${code}: ${log.join('')}`);
}

function end(child) {
    return new Promise(f => {
        if (child.gone)
            return f(child.exitCode);
        child.on('exit', code => f(code));
        child.kill('SIGTERM');
    });
}

/* ---- head office ---- */

/** A second factor's code of this moment (RFC 6238): secret in base 32; step: 0 is now, 1 the one after. */
export function totp(secret, step = 0) {
    let bits = '';
    for (const c of secret.replace(/[\s=]/g, '').toUpperCase())
        bits += 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0');
    const key = Buffer.from(bits.match(/.{8}/g).map(b => parseInt(b, 2)));
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000) + step));
    const mac = createHmac('sha1', key).update(counter).digest();
    return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1000000).padStart(6, '0');
}

class Office {
    constructor(dir) {
        this.dir = dir;
        this.home = join(dir, 'office');
        this.log = [];
        this.clock(today + 'T14:30:00');
        const pack = JSON.parse(readFileSync('tests/data/packs/demo.json', 'utf8'));
        Object.assign(pack, { effective: '2026-01-01', expiry: { kind: 'rolling', days: 40 }, rewards: [
            { code: 'MUG', name: 'A mug', name_zh: '马克杯', kind: 'item', points: 20, sku: 'MUG1', stock: 5 },
            { code: 'FIVE', name: '5.00 off', name_zh: '立减 5 元', kind: 'money', points: 50, value: 500 }] });
        writeFileSync(join(dir, 'pack.json'), JSON.stringify(pack));
        this.ctl('init', '--pack', join(dir, 'pack.json'));
        execFileSync(join(build, 'web/seed'), [this.home, today]);
    }
    /** The business clock, of head office and of the tills. */
    clock(time) {
        writeFileSync(join(this.dir, 'clock'), time + '\n');
    }
    /** patronctl --json ARGS: its answer. */
    ctl(...args) {
        const out = execFileSync(program('patronctl'), ['--home', this.home, '--clock', join(this.dir, 'clock'), '--json', ...args],
            { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
        try {
            return JSON.parse(out);
        } catch {
            return out;
        }
    }
    async start(more = []) {
        const p = start('patron-office', ['--home', this.home, '--listen', '127.0.0.1:0', '--console', '127.0.0.1:0', '--clock',
            join(this.dir, 'clock'), ...more], this.log);
        this.child = p.child;
        this.address = (await p.line() || '').replace('listening on ', '');
        this.url = (await p.line() || '').replace('console on ', '').replace('127.0.0.1', 'localhost');
        if (!this.url.startsWith('https://'))
            throw new Error('head office did not start: ' + this.log.join(''));
    }
    stop() {
        return end(this.child);
    }
    /** A real till of a shop, with a simulated reader: see Till.  code: of one that was added already. */
    async till(shop, code) {
        const t = new Till(this, code || this.ctl('till', 'add', '--shop', shop).code);
        await t.start();
        return t;
    }
    /** A reader on head office's desk, for patronctl card: { link, cards('new ev2 random spare'), stop() }. */
    async desk() {
        const dir = mkdtempSync(join(this.dir, 'desk')), link = join(dir, 'nfc');
        const sim = start('patron-cardsim', ['--link', link, '--cards', join(dir, 'cards'), '--control', join(dir, 'cards.sock')], this.log);
        await sim.line();
        return { link, cards: await control(join(dir, 'cards.sock')), stop: () => end(sim.child) };
    }
}

/** A till: ask('sell ...') is its control socket (docs/till.md), cards('new ev2 random ada') its reader's. */
class Till {
    constructor(office, code) {
        this.office = office;
        this.code = code;
        this.dir = mkdtempSync(join(office.dir, 'till'));
    }
    async start() {
        if (!existsSync(join(this.dir, 'home')))
            await finished('patron-terminal', ['enrol', '--home', join(this.dir, 'home'), '--office', this.office.address, '--code', this.code]);
        const link = join(this.dir, 'nfc'), log = this.office.log;
        this.sim = start('patron-cardsim', ['--link', link, '--cards', join(this.dir, 'cards'), '--control', join(this.dir, 'cards.sock')], log);
        await this.sim.line();
        this.program = start('patron-terminal', ['--home', join(this.dir, 'home'), '--reader', 'pn532_uart:' + link, '--office',
            this.office.address, '--control', join(this.dir, 'till.sock'), '--clock', join(this.office.dir, 'clock')], log);
        this.ask = await control(join(this.dir, 'till.sock'));
        this.cards = await control(join(this.dir, 'cards.sock'));
    }
    async stop() {
        await end(this.program.child);
        await end(this.sim.child);
    }
}

/** A line there, a line back, over a unix socket that may not be there yet. */
async function control(path) {
    for (let i = 0; !existsSync(path); i++) {
        if (i > 200)
            throw new Error(path + ' does not come');
        await new Promise(f => setTimeout(f, 50));
    }
    const socket = createConnection(path), waiting = [];
    let rest = '';
    socket.on('data', d => {
        rest += d;
        for (let i; (i = rest.indexOf('\n')) >= 0; rest = rest.slice(i + 1))
            waiting.shift()?.(rest.slice(0, i));
    });
    socket.unref();
    await new Promise((f, bad) => { socket.on('connect', f); socket.on('error', bad); });
    return line => new Promise((f, bad) => {
        waiting.push(f);
        socket.write(line + '\n');
        setTimeout(() => bad(new Error(`no answer to "${line}"`)), 20000).unref();
    });
}

/* ---- the browser, and what every page is held to ---- */

function chromium() {
    for (const p of ['/usr/bin/chromium', '/usr/bin/chromium-browser'])
        if (existsSync(p))
            return p;
    throw new Error('no Chromium: apt-get install chromium');
}

const troubles = new WeakMap();
function watch(page, office) {
    const list = [];
    troubles.set(page, list);
    page.on('console', m => {
        // That nobody is logged in is the answer to the first question of a page.
        if (m.type() === 'error' && !(/401/.test(m.text()) && /\/api\/session/.test(m.location().url)))
            list.push(`console: ${m.text()} ${m.location().url}`);
    });
    page.on('pageerror', e => list.push('script: ' + e.message));
    page.on('requestfailed', r => {
        if (r.failure()?.errorText !== 'net::ERR_ABORTED') // a page that was left
            list.push(`request: ${r.url()} ${r.failure()?.errorText}`);
    });
    page.on('request', r => {
        if (!r.url().startsWith(office.url + '/') && !/^(data|blob):/.test(r.url()))
            list.push('foreign: ' + r.url());
    });
}
/** What went wrong in the page since it was asked last; expected: answers of these statuses are no trouble. */
export function troublesOf(page, expected = []) {
    return troubles.get(page).splice(0).filter(t => !expected.some(s => t.includes(`status of ${s}`)));
}

/** In the browser: what is wrong with how the page looks. */
function looks() {
    const wrong = [], wide = document.documentElement.clientWidth;
    const name = e => `${e.tagName.toLowerCase()}${e.id ? '#' + e.id : ''}.${[...e.classList].join('.')} "${(e.textContent || '').trim().slice(0, 40)}"`;
    const visible = e => e.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) && e.getClientRects().length > 0;
    if (document.body.innerText.trim().length < 20)
        wrong.push('the page is empty');
    if (document.documentElement.scrollWidth > wide + 1)
        wrong.push(`the page is wider than the screen: ${document.documentElement.scrollWidth} of ${wide}`);
    const scrolls = e => {
        for (let p = e.parentElement; p; p = p.parentElement)
            if (/auto|scroll/.test(getComputedStyle(p).overflowX))
                return true;
        return false;
    };
    for (const e of document.querySelectorAll('body *')) {
        if (!visible(e) || e.closest('.visually-hidden,.skip,svg'))
            continue;
        const box = e.getBoundingClientRect(), style = getComputedStyle(e);
        if (e.children.length === 0 && e.textContent.trim() && box.width > 0 && (box.right > wide + 1 || box.left < -1) && !scrolls(e))
            wrong.push('out of the screen: ' + name(e));
        if (/^(BUTTON|A|TH|TD|LABEL|H1|H2|H3|SPAN|P|DT|DD)$/.test(e.tagName) && e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0
            && style.overflowX === 'hidden' && style.textOverflow !== 'ellipsis')
            wrong.push('cut: ' + name(e));
        if (e.tagName === 'CANVAS' && (e.width < 50 || e.height < 50))
            wrong.push('an empty chart: ' + name(e));
        if (/^(INPUT|SELECT|TEXTAREA)$/.test(e.tagName) && e.type !== 'hidden' && !e.labels?.length && !e.getAttribute('aria-label'))
            wrong.push('without a label: ' + name(e) + ' ' + e.name);
        if (/^(BUTTON|A)$/.test(e.tagName) && !e.textContent.trim() && !e.getAttribute('aria-label'))
            wrong.push('a button without a name: ' + name(e));
        if (e.children.length === 0 && /undefined|\[object |NaN|Invalid Date/.test(e.textContent) && !/^(TEXTAREA|PRE|CODE)$/.test(e.tagName))
            wrong.push('not meant for people: ' + name(e));
    }
    return wrong;
}

/* ---- a flow ---- */

/** Runs it with { office, claim, browser, login, open, shot, say }. */
export async function flow(name, run) {
    const dir = mkdtempSync(join(tmpdir(), 'patron-web-'));
    mkdirSync(pictures, { recursive: true });
    let browser;
    const giveUp = setTimeout(() => {
        claim(`${name}: ends in three minutes`, false);
        running.forEach(c => c.kill('SIGKILL'));
        process.exit(1);
    }, 180000);
    try {
        const { chromium: type } = await import(pathToFileURL(join(build, 'web/node_modules/playwright-core/index.mjs')));
        const office = new Office(dir);
        await office.start();
        browser = await type.launch({ executablePath: chromium(), args: ['--disable-dev-shm-usage', ...process.getuid() === 0 ? ['--no-sandbox'] : []] });

        /** A page of its own, with no session.  options: { phone, tablet, language }. */
        async function open(options = {}) {
            const size = options.phone ? { width: 375, height: 812 } : options.tablet ? { width: 820, height: 1180 } : { width: 1280, height: 800 };
            const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: size, locale: options.language === 'zh' ? 'zh-CN' : 'en-GB',
                hasTouch: Boolean(options.phone || options.tablet), deviceScaleFactor: 1, acceptDownloads: true, reducedMotion: 'reduce' });
            const page = await context.newPage();
            page.setDefaultTimeout(20000);
            watch(page, office);
            return page;
        }
        /** A picture, once the page is at rest and nothing is wrong with it.  expected: statuses that may have been answered. */
        async function shot(page, picture, expected = []) {
            await settled(page);
            const wrong = [...await page.evaluate(looks), ...troublesOf(page, expected)];
            claim(`${picture}: there is something to see, nothing is cut, nothing failed`, wrong.length === 0, [...new Set(wrong)].slice(0, 12).join('\n'));
            await page.evaluate(() => document.querySelectorAll('.toast').forEach(e => e.remove())); // it would lie over something
            await page.screenshot({ path: join(pictures, picture + '.png'), fullPage: await page.locator('.foot').count() === 0 });
        }
        await run({ office, claim, browser, open, shot, login: (roles, options) => login(office, open, roles, options) });
        await browser.close();
        browser = null;
        claim(`${name}: head office ends well`, await office.stop() === 0, office.log.join('').slice(-2000));
    } catch (e) {
        const open = browser?.contexts().flatMap(c => c.pages()) || [];
        const said = await Promise.all(open.map(async p => `${p.url()}\n${(await p.innerText('body').catch(() => '')).slice(0, 600)}\n${troubles.get(p)?.join('\n')}`));
        await open.at(-1)?.screenshot({ path: join(pictures, name + '-failed.png') }).catch(() => {});
        claim(`${name} comes to its end`, false, [e.stack, ...said].join('\n'));
    } finally {
        clearTimeout(giveUp);
        await browser?.close().catch(() => {});
        await Promise.all(running.map(end));
        rmSync(dir, { recursive: true, force: true });
    }
    process.exit(failed ? 1 : 0);
}

/** Until the page shown is ready, and charts are drawn. */
export async function settled(page) {
    await page.waitForFunction(() => !document.querySelector('[data-state=loading]') && document.querySelector('[data-state], #app form')
        && document.readyState === 'complete');
    await page.evaluate(() => new Promise(f => requestAnimationFrame(() => requestAnimationFrame(f))));
}

/** Goes to a page of the console by its address ("#/tills"). */
export async function go(page, address) {
    await page.evaluate(a => { location.hash = a; }, address);
    await page.waitForFunction(() => document.querySelector('#view > [data-state]'));
    await settled(page);
}

/* ---- logging in ---- */

let users = 0;
const done = page => page.waitForSelector('#view > [data-state=ready], #view > [data-state=failed]');

/** A new user of these roles ("clerk approver") logs in by hand: password given, second factor where one is needed,
 *  password of their own.  page.user: { name, password, secret }. */
async function login(office, open, roles, options = {}) {
    const name = options.name || `${roles.split(' ')[0]}${++users}`;
    const made = office.ctl('user', 'add', name, '--roles', roles.split(' ').join(','), '--language', options.language || 'en');
    const page = await open(options);
    page.user = { name, password, secret: '' };
    await page.goto(office.url + '/');
    await page.locator('input[name=name]').fill(name);
    await page.locator('input[name=password]').fill(made.password);
    await page.locator('form button[type=submit]').click();
    await page.waitForSelector('#secret, input[name=new]');
    if (await page.locator('#secret').count()) {
        page.user.secret = await page.locator('#secret').innerText();
        await page.locator('input[name=code]').fill(totp(page.user.secret));
        await page.locator('form button[type=submit]').click();
        await page.waitForSelector('input[name=new]');
    }
    await page.locator('input[name=old]').fill(made.password);
    await page.locator('input[name=new]').fill(password);
    await page.locator('form button[type=submit]').click();
    await done(page);
    return page;
}
