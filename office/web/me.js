// me.js - the member page: logging in by a number and a one-time code, then a few pages made for a phone (me/*.js):
//     export async function show(view, again) { ... }     again: draws the page anew
// SPDX-License-Identifier: Apache-2.0
import { get, onSessionEnd, post, setSession } from './api.js';
import { language, languageKept, languages, languageWanted, setLanguage, t } from './i18n.js';
import * as home from './me/home.js';
import * as history from './me/history.js';
import * as rewards from './me/rewards.js';
import * as say from './me/say.js';
import * as mine from './me/mine.js';
import { button, el, fill, form, notice, setProgramme } from './ui.js';

const app = document.getElementById('app');
const pages = () => [['home', t('My points'), home], ['history', t('History'), history], ['rewards', t('Rewards'), rewards],
    ['say', t('Tell us'), say], ['mine', t('About me'), mine]];
let session = null;

function languageChoice() {
    return el('div', {}, el('label.visually-hidden', { for: 'language' }, t('Language')), el('select.form-select.form-select-sm', { id: 'language',
        onchange: async e => {
            await setLanguage(e.target.value, true);
            if (session)
                post('/api/mine/language', { language: language() }).catch(() => {}); // or the choice is this browser's alone
            draw();
        } }, languages.map(([code, name]) => el('option', { value: code, selected: code === language() }, name))));
}

/* ---- logging in ---- */

let redraw = () => showLogin();

function door(note, ...inside) {
    document.title = t('Member page');
    fill(app, el('main.container.narrow.py-4', {}, el('div.d-flex.align-items-center.mb-4', {}, el('h1.h4.me-auto.mb-0', {}, t('Member page')), languageChoice()),
        note ? notice(note, 'warn') : null, inside));
    app.querySelector('input')?.focus();
}

function showLogin(note) {
    redraw = () => showLogin();
    door(note, form([{ name: 'name', label: t('Card, member or telephone number'), required: true, autocomplete: 'username',
        help: t('As on your card or receipt. We send you a code.') }],
    { submit: t('Send me a code'), onSubmit: async v => showCode(v.name, (await post('/api/mine/code', v)).minutes) }));
}

function showCode(name, minutes) {
    redraw = () => showCode(name, minutes);
    door('', el('p', {}, t('If we know this number, a code is on its way. It is good for {n} minutes.', { n: minutes })),
        form([{ name: 'code', label: t('Code'), required: true, inputmode: 'numeric', maxLength: 8, autocomplete: 'one-time-code' }],
            { submit: t('Log in'), cancel: () => showLogin(), onSubmit: async v => {
                await post('/api/mine/login', { name, code: v.code });
                await begin();
            } }));
}

async function begin() {
    const s = await get('/api/session');
    if (!s.user.member)
        return showLogin();
    session = s;
    setSession(s);
    setProgramme({ ...s.programme, today: s.today });
    if (!languageKept())
        await setLanguage(languageWanted(s.user.language));
    draw();
}

async function leave() {
    await post('/api/logout');
    session = null;
    setSession(null);
    location.hash = '';
    showLogin();
}

onSessionEnd(() => {
    if (session) {
        session = null;
        showLogin(t('Your session has ended. Log in again.'));
    }
});

/* ---- the frame and the page in it ---- */

function draw() {
    if (!session)
        return redraw();
    fill(app, el('header.navbar.navbar-dark.bg-primary.flex-nowrap.px-3.gap-2', {}, el('span.navbar-brand.me-auto.text-truncate', {}, session.programme?.name || 'patron'),
        languageChoice(), button(t('Log out'), leave, 'outline-light', { class: 'btn btn-sm btn-outline-light flex-shrink-0' })),
    el('main.container.narrow.pt-3.below', {}, el('h1.h5', { id: 'title', tabindex: '-1' }), el('div', { id: 'view' })),
    el('nav.foot.noprint', { 'aria-label': t('Menu') }, pages().map(([name, text]) => el('a', { href: '#/' + name, 'data-page': name }, text))));
    return showPage();
}

async function showPage() {
    if (!session)
        return;
    document.querySelectorAll('dialog[open]').forEach(d => d.close());
    const wanted = location.hash.replace(/^#\/?/, '').split('/')[0];
    const [name, text, module] = pages().find(p => p[0] === wanted) || pages()[0];
    document.querySelectorAll('[data-page]').forEach(a => a.dataset.page === name ? a.setAttribute('aria-current', 'page') : a.removeAttribute('aria-current'));
    document.getElementById('title').textContent = text;
    document.title = text + ' – ' + (session.programme?.name || 'patron');
    const view = el('div', { 'data-state': 'loading' }), inside = el('div');
    view.append(inside);
    fill(document.getElementById('view'), view);
    window.scrollTo(0, 0);
    try {
        await module.show(inside, showPage);
        view.dataset.state = 'ready';
    } catch (e) {
        view.append(notice(e.message, 'bad', ' ', button(t('Try again'), showPage, 'secondary', { class: 'btn btn-sm btn-outline-secondary' })));
        view.dataset.state = 'failed';
    }
}

window.addEventListener('hashchange', showPage);
await setLanguage(languageWanted(''));
await begin().catch(() => showLogin());
