// app.js - the staff console: who is logged in, the menu, which page is shown (#/NAME/...), the language.
//
// A page is pages/NAME.js:
//     export const page = { name: 'complaints', title: 'Complaints', roles: ['clerk'], order: 50 };
//     export async function show(view, args) { ... }
// view is an empty element; args is what follows the name in #/complaints/12?late=1: ['12'], with args.query
// (URLSearchParams).  title goes through t().  When show throws, its sentence is shown.
// SPDX-License-Identifier: Apache-2.0
import { get, hasRole, onSessionEnd, post, roles, setSession } from './api.js';
import { language, languageKept, languages, languageWanted, setLanguage, t } from './i18n.js';
import { names } from './pages/index.js';
import { button, el, fill, form, notice, setProgramme, title } from './ui.js';

const app = document.getElementById('app');
const pages = [];
let session = null; // { user: { id, name, roles: [] , language }, token, ... } of GET /api/session

const roleNames = () => ({ clerk: t('Clerk'), marketer: t('Marketer'), controller: t('Controller'), approver: t('Approver'),
    auditor: t('Auditor'), admin: t('Administrator') });
const open = () => pages.filter(p => hasRole(...p.roles)).sort((a, b) => a.order - b.order);

function languageChoice() {
    const id = 'language';
    return el('div', {}, el('label.visually-hidden', { for: id }, t('Language')),
        el('select.form-select.form-select-sm', { id, onchange: async e => {
            await setLanguage(e.target.value, true);
            if (session)
                post('/api/session/language', { language: language() }).catch(() => {}); // or the choice is this browser's alone
            draw();
        } }, languages.map(([code, name]) => el('option', { value: code, selected: code === language() }, name))));
}

/* ---- logging in and out ---- */

function begin(s) {
    session = s;
    setSession(s);
    setProgramme({ ...s.programme, today: s.today });
}

/** What is shown before anybody is logged in: a heading, a note, a form. */
function door(heading, note, ...inside) {
    document.title = heading + ' – patron';
    fill(app, el('main.container.narrow.py-5', {}, el('div.d-flex.align-items-center.mb-4', {}, el('h1.h3.me-auto.mb-0', {}, heading), languageChoice()),
        note, inside));
    app.querySelector('input')?.focus();
}

/** A step of logging in is done: what head office says is missing comes next. */
async function step(s) {
    setSession(s);
    if (s.user.member) // logged in on the member page in this browser
        return showLogin();
    if (s.next === 'code')
        return showCode();
    if (s.next === 'enrol')
        return showEnrol();
    if (s.next === 'password')
        return showPassword();
    begin(s);
    if (!languageKept())
        await setLanguage(languageWanted(s.user.language));
    draw();
}

let redraw = showLogin; // what a change of language draws again

const codeField = { name: 'code', type: 'text', inputmode: 'numeric', maxLength: 6, required: true, autocomplete: 'one-time-code' };

function showLogin(note) {
    redraw = showLogin;
    door(t('Log in'), note ? notice(note, 'warn') : null, form([
        { name: 'name', label: t('User name'), required: true, autocomplete: 'username' },
        { name: 'password', label: t('Password'), type: 'password', required: true, autocomplete: 'current-password' },
    ], { submit: t('Log in'), onSubmit: async v => step(await post('/api/login', v)) }));
}

function showCode() {
    redraw = showCode;
    door(t('Log in'), el('p', {}, t('Your authenticator app shows six figures for patron.')),
        form([{ ...codeField, label: t('Code of the authenticator app') }],
            { submit: t('Go on'), cancel: () => showLogin(), onSubmit: async v => step(await post('/api/login/code', v)) }));
}

async function showEnrol() {
    redraw = showEnrol;
    const made = await post('/api/login/enrol');
    door(t('Second factor'), el('p', {}, t('Your roles need a second factor. Scan this with an authenticator app, or type the key into it.')),
        el('img.d-block.mb-2.qr', { src: made.qr, alt: t('QR code of the key') }),
        el('p', {}, t('Key'), ' ', el('code', { id: 'secret' }, made.secret)),
        form([{ ...codeField, label: t('The first code it shows') }],
            { submit: t('Go on'), onSubmit: async v => step(await post('/api/login/enrolled', v)) }));
}

function showPassword() {
    redraw = showPassword;
    door(t('A password of your own'), el('p', {}, t('At least 12 characters; a few words are easier to keep than signs.')), form([
        { name: 'old', label: t('Password you were given'), type: 'password', required: true, autocomplete: 'current-password' },
        { name: 'new', label: t('New password'), type: 'password', required: true, autocomplete: 'new-password' },
    ], { submit: t('Save'), onSubmit: async v => step(await post('/api/login/password', v)) }));
}

async function leave() {
    await post('/api/logout');
    session = null;
    setSession(null);
    location.hash = '';
    showLogin();
}

onSessionEnd(() => {
    if (!session)
        return;
    session = null; // the address stays: after logging in the same page is there
    showLogin(t('Your session has ended. Log in again.'));
});

/* ---- the frame and the page in it ---- */

function menu() {
    return el('nav', { 'aria-label': t('Menu') }, el('ul.nav.flex-column.gap-1', {}, open().map(p =>
        el('li.nav-item', {}, el('a.nav-link', { href: '#/' + p.name, 'data-page': p.name }, t(p.title))))));
}

function frame() {
    const side = el('div.side.offcanvas-lg.offcanvas-start', { id: 'side', tabindex: '-1', 'aria-label': t('Menu') },
        el('div.offcanvas-header', {}, el('span.fw-semibold', {}, t('Menu')),
            el('button.btn-close', { type: 'button', 'aria-label': t('Close'), 'data-bs-dismiss': 'offcanvas', 'data-bs-target': '#side' })),
        el('div.offcanvas-body.p-3', {}, menu()));
    fill(app, el('a.skip', { href: '#view', onclick: e => { e.preventDefault(); document.getElementById('title').focus(); } }, t('To the content')),
        el('header.navbar.navbar-dark.bg-dark.flex-nowrap.px-3.gap-2.sticky-top', {},
            el('button.btn.btn-outline-light.btn-sm.d-lg-none', { type: 'button', 'data-bs-toggle': 'offcanvas', 'data-bs-target': '#side',
                'aria-controls': 'side' }, t('Menu')),
            el('a.navbar-brand.me-auto.text-truncate', { href: '#/' }, session.programme?.name || 'patron'),
            el('span.navbar-text.d-none.d-md-inline', { title: roles().map(r => roleNames()[r] || r).join(', ') }, session.user.name),
            languageChoice(),
            button(t('Log out'), leave, 'outline-light', { class: 'btn btn-sm btn-outline-light flex-shrink-0' })),
        el('div.d-flex.align-items-stretch', {}, side, el('main.flex-grow-1.p-3', {},
            el('div.d-flex.flex-wrap.align-items-center.gap-2.mb-3', {}, el('h1.h4.me-auto.mb-0', { id: 'title', tabindex: '-1' }),
                el('div.d-flex.flex-wrap.gap-2.noprint', { id: 'actions' })),
            el('div', { id: 'view' }))));
}

/** What the address asks for: the page's module and its arguments. */
function asked() {
    const [path, query] = location.hash.replace(/^#\/?/, '').split('?');
    const [name, ...args] = path.split('/').filter(Boolean).map(decodeURIComponent);
    args.query = new URLSearchParams(query || '');
    return { page: name ? open().find(p => p.name === name) : open()[0], name, args };
}

async function showPage() {
    if (!session)
        return;
    document.querySelectorAll('dialog[open]').forEach(d => d.close());
    window.bootstrap?.Offcanvas.getInstance('#side')?.hide();
    const { page, name, args } = asked();
    document.querySelectorAll('[data-page]').forEach(a => a.dataset.page === page?.name ? a.setAttribute('aria-current', 'page')
        : a.removeAttribute('aria-current'));
    // An element of its own: what a page that was left still writes goes nowhere.
    const view = el('div', { 'data-state': 'loading' }, el('div.text-muted', {}, t('Loading …')));
    fill(document.getElementById('view'), view);
    title(page ? t(page.title) : t('Not here'));
    document.getElementById('title').focus({ preventScroll: true });
    window.scrollTo(0, 0);
    try {
        if (!page)
            throw new Error(t('There is no page "{name}", or it is not for your role.', { name }));
        const inside = el('div');
        const done = page.show(inside, args);
        view.replaceChildren(inside);
        await done;
        view.dataset.state = 'ready';
    } catch (e) {
        view.append(notice(e.message, 'bad', ' ', page ? button(t('Try again'), showPage, 'secondary', { class: 'btn btn-sm btn-outline-secondary' }) : null));
        view.dataset.state = 'failed';
    }
}

function draw() {
    if (!session)
        return redraw();
    frame();
    return showPage();
}

window.addEventListener('hashchange', showPage);
window.addEventListener('keydown', e => {
    // "/" goes to the page's filter, as in many programs.
    if (e.key === '/' && !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName)) {
        const filter = document.querySelector('#view input[type=search]');
        if (filter) {
            e.preventDefault();
            filter.focus();
        }
    }
});

await setLanguage(languageWanted(''));
for (const m of await Promise.all(names.map(n => import(`./pages/${n}.js`))))
    pages.push({ ...m.page, show: m.show });
try {
    await step(await get('/api/session'));
} catch {
    showLogin();
}
