// users.js - who works at the console: their roles, passwords given out, sessions; and one's own password.
// SPDX-License-Identifier: Apache-2.0
import { get, hasRole, post, roles } from '../api.js';
import { t } from '../i18n.js';
import { badge, button, confirm, dialog, el, notice, section, table, time, toast } from '../ui.js';

export const page = { name: 'users', title: 'Users', roles: ['clerk', 'marketer', 'controller', 'approver', 'auditor', 'admin'], order: 95 };

const roleWords = () => [['clerk', t('Clerk')], ['marketer', t('Marketer')], ['controller', t('Controller')], ['approver', t('Approver')],
    ['auditor', t('Auditor')], ['admin', t('Administrator')]];
const roleText = list => list.map(r => roleWords().find(([name]) => name === r)?.[1] || r).join(', ');

const roleHelp = () => t('Clerk: members, cards, complaints. Marketer: campaigns, drafts of rules. Controller: points, closing, reports. Approver: says yes to what others wrote. Auditor: sees all, changes nothing. Administrator: users, tills, set-up; no points.');

export async function show(view) {
    if (hasRole('admin', 'auditor')) {
        const place = el('div');
        view.append(place);
        await list(place);
    }
    view.append(own());
}

/* ---- everybody ---- */

function state(x) {
    return !x.active ? badge(t('may not come in'), 'off')
        : x.waits_until ? badge(t('waits until {time}', { time: time(x.waits_until) }), 'bad')
            : x.temporary ? badge(t('has not changed the given password'), 'warn') : badge(t('active'), 'ok');
}

async function list(place) {
    const rows = (await get('/api/users')).rows;
    const again = () => list(place);
    const me = (await get('/api/session')).user.id;
    const admin = hasRole('admin');
    place.replaceChildren(table([
        { key: 'id', title: t('Number'), type: 'int' },
        { key: 'name', title: t('Name') },
        { key: 'roles', title: t('Roles'), show: x => roleText(x.roles), sort: x => x.roles.join() },
        { key: 'factor', title: t('Second factor'), show: x => x.factor ? t('yes') : t('no') },
        { key: 'login', title: t('Logged in last'), type: 'time', show: x => time(x.login, t('never')) },
        { key: 'active', title: t('State'), show: state },
    ], rows, {
        name: 'users', csv: '/api/users?format=csv', rowKind: x => x.active ? '' : 'light',
        actions: admin ? x => x.id === me ? [] : [
            button(t('Change'), () => change(x, again)),
            button(t('New password'), () => reset(x, again)),
            button(t('Log out'), () => post(`/api/users/${x.id}/logout`).then(() => toast(t('All sessions of {name} have ended.', { name: x.name })))),
        ] : null,
        tools: admin ? button(t('Add a user'), () => add(again), 'primary', { class: 'btn btn-sm btn-primary' }) : null,
    }));
}

/** A password that somebody else has to get; it is seen once. */
function showPassword(name, password) {
    const d = dialog(t('Password of {name}', { name }), [
        el('p', {}, t('Hand it over in person or by telephone. It is good for three days, is changed at the first login, and is shown now only.')),
        el('pre.fs-4.p-2.bg-light.border', { id: 'made' }, password),
        button(t('Done'), () => d.close(), 'primary')]);
    return d.closed;
}

const languages = () => [['en', 'English'], ['zh', '中文']];

async function add(again) {
    let made = null;
    const v = await confirm({ title: t('Add a user'), action: t('Add'), fields: [
        { name: 'name', label: t('Name for logging in'), required: true, maxLength: 31, help: t('Letters, digits, or . - _ @; nobody gets it a second time.') },
        { name: 'roles', label: t('Roles'), type: 'many', options: roleWords(), help: roleHelp() },
        { name: 'language', label: t('Language'), type: 'select', options: languages(), value: 'en' },
    ], onSubmit: async values => {
        made = await post('/api/users', values);
        return { ...values, ...made };
    } });
    if (v && made) {
        await showPassword(v.name, made.password);
        await again();
    }
}

async function change(x, again) {
    const done = await confirm({ title: t('Change {name}', { name: x.name }), action: t('Save'), fields: [
        { name: 'roles', label: t('Roles'), type: 'many', options: roleWords(), value: x.roles, help: roleHelp() },
        { name: 'language', label: t('Language'), type: 'select', options: languages(), value: x.language, required: true },
        { name: 'active', label: t('May come in'), type: 'bool', value: x.active },
    ], text: t('The sessions of this user end, so that the new rights hold at once.'), onSubmit: v => post(`/api/users/${x.id}`, v) });
    if (done) {
        toast(t('Saved.'));
        await again();
    }
}

async function reset(x, again) {
    let made = null;
    await confirm({ title: t('A new password for {name}?', { name: x.name }), danger: true, action: t('Make one'),
        text: t('For somebody who has lost the password or the authenticator app. Make sure that it is them: the second factor is taken away, and all sessions end.'),
        onSubmit: async () => { made = await post(`/api/users/${x.id}/reset`); } });
    if (made) {
        await showPassword(x.name, made.password);
        await again();
    }
}

/* ---- oneself ---- */

function own() {
    return section(t('Yourself'),
        el('p', {}, t('Your roles: {roles}', { roles: roleText(roles()) })),
        el('div.d-flex.flex-wrap.gap-2', {},
            button(t('Change my password'), changeOwn),
            button(t('Set up a second factor'), enrol),
            button(t('Log out everywhere'), () => confirm({ title: t('Log out everywhere?'), action: t('Log out'), danger: true,
                text: t('All your sessions end, this one too. Do it when a device of yours was lost.'),
                onSubmit: () => post('/api/logout/everywhere') }).then(v => v && location.reload()))));
}

async function changeOwn() {
    const done = await confirm({ title: t('Change my password'), action: t('Save'), text: t('All your other sessions end.'), fields: [
        { name: 'old', label: t('Password until now'), type: 'password', required: true, autocomplete: 'current-password' },
        { name: 'new', label: t('New password'), type: 'password', required: true, autocomplete: 'new-password',
            help: t('At least 12 characters; a few words are easier to keep than signs.') },
    ], onSubmit: v => post('/api/login/password', v) });
    if (done)
        location.reload(); // the session is another one now
}

async function enrol() {
    const made = await post('/api/login/enrol').catch(e => e);
    if (made instanceof Error) {
        await dialog(t('Second factor'), notice(made.message, 'info')).closed;
        return;
    }
    const f = await confirm({ title: t('Second factor'), action: t('Go on'),
        text: t('Type this key into an authenticator app, then the first code it shows: {key}', { key: made.secret }),
        fields: [{ name: 'code', label: t('The first code it shows'), inputmode: 'numeric', maxLength: 6, required: true, autocomplete: 'one-time-code' }],
        onSubmit: v => post('/api/login/enrolled', v) });
    if (f)
        location.reload();
}
