// app.js - the staff console: who is logged in, the menu, which page is shown (#/NAME/...), the language.
//
// A page is pages/NAME.js:
//     export const page = { name: 'complaints', title: 'Complaints', roles: ['clerk'], order: 50 };
//     export async function show(view, args) { ... }
// view is an empty element; args is what follows the name in #/complaints/12?late=1: ['12'], with args.query
// (URLSearchParams).  title goes through t().  When show throws, its sentence is shown.
// SPDX-License-Identifier: Apache-2.0
import { get, onSessionEnd, post, setToken } from './api.js';
import { language, languages, languageWanted, setLanguage, t } from './i18n.js';
import { names } from './pages/index.js';
import { button, el, fill, form, notice, setProgramme, title } from './ui.js';

const app = document.getElementById('app');
const pages = [];
let session = null; // { user: { id, name, roles: [] , language }, token, ... } of GET /api/session

/** Roles of who is logged in. */
export function roles() {
    return session ? session.user.roles : [];
}

const roleNames = () => ({ clerk: t('Clerk'), marketer: t('Marketer'), controller: t('Controller'), approver: t('Approver'),
    auditor: t('Auditor'), admin: t('Administrator') });
const mayOpen = p => p.roles.some(r => roles().includes(r));
const open = () => pages.filter(mayOpen).sort((a, b) => a.order - b.order);

function languageChoice() {
    const id = 'language';
    return el('div', {}, el('label.visually-hidden', { for: id }, t('Language')),
        el('select.form-select.form-select-sm', { id, onchange: async e => {
            await setLanguage(e.target.value, true);
            draw();
        } }, languages.map(([code, name]) => el('option', { value: code, selected: code === language() }, name))));
}

/* ---- logging in and out ---- */

function begin(s) {
    session = s;
    setToken(s.token);
    setProgramme({ ...s.programme, today: s.today });
}

function showLogin(note) {
    document.title = t('Log in') + ' – patron';
    const f = form([
        { name: 'name', label: t('User name'), required: true, autocomplete: 'username' },
        { name: 'password', label: t('Password'), type: 'password', required: true, autocomplete: 'current-password' },
        { name: 'code', label: t('Code of the authenticator app'), inputmode: 'numeric', maxLength: 8, autocomplete: 'one-time-code',
            help: t('Six figures; leave it empty when you have none.') },
    ], { submit: t('Log in'), onSubmit: async v => {
        begin(await post('/api/login', v));
        if (!localStorage.getItem('patron-language'))
            await setLanguage(languageWanted(session.user.language));
        draw();
    } });
    fill(app, el('main.container.narrow.py-5', {}, el('div.d-flex.align-items-center.mb-4', {}, el('h1.h3.me-auto.mb-0', {}, 'patron'), languageChoice()),
        note ? notice(note, 'warn') : null, f));
    f.querySelector('input').focus();
}

async function leave() {
    await post('/api/logout');
    session = null;
    setToken('');
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
        return showLogin();
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
    begin(await get('/api/session'));
    if (!localStorage.getItem('patron-language'))
        await setLanguage(languageWanted(session.user.language));
} catch {
    session = null;
}
draw();
