// rules.js - the rules of the programme: what is in force, drafts in forms and as text, previews, publishing, which till
// has which, sales of the past rated anew by order.
// SPDX-License-Identifier: Apache-2.0
import { get, hasRole, post } from '../api.js';
import { t } from '../i18n.js';
import { diffShown, previewShown } from '../preview.js';
import { badge, button, confirm, day, dialog, el, facts, fill, form, notice, number, points, progress, section, stat, stats, table, tabs, time, title, toast, today } from '../ui.js';
import { rulesForm } from '../rules_form.js';

export const page = { name: 'rules', title: 'Rules', roles: ['marketer', 'controller', 'approver', 'auditor', 'admin'], order: 55 };

const mayWrite = () => hasRole('marketer', 'controller');
const small = { class: 'btn btn-sm btn-outline-secondary' };

export async function show(view, args) {
    if (args[0] === 'draft')
        return showDraft(view, args[1]);
    const parts = [{ title: t('Versions'), show: showVersions }, { title: t('Drafts'), show: showDrafts }, { title: t('At the tills'), show: showRollout }];
    if (hasRole('controller'))
        parts.push({ title: t('Sales of the past'), show: showRerate });
    view.append(tabs(parts, ['versions', 'drafts', 'tills', 'past'].indexOf(args[0]) < 0 ? 0 : ['versions', 'drafts', 'tills', 'past'].indexOf(args[0])));
}

function tomorrow() {
    const d = new Date(today() + 'T00:00:00Z');
    d.setUTCDate(d.getUTCDate() + 1);
    return d.toISOString().slice(0, 10);
}

/** A day so many months before today. */
function monthsAgo(n) {
    const d = new Date(today() + 'T00:00:00Z');
    d.setUTCMonth(d.getUTCMonth() - n);
    return d.toISOString().slice(0, 10);
}

/* ---- versions ---- */

const stateBadge = s => ({ 'in force': badge(t('in force'), 'ok'), coming: badge(t('coming'), 'info'), past: badge(t('past'), 'off') })[s];

async function showVersions(view) {
    const rows = (await get('/api/rules')).rows, now = rows.find(r => r.state === 'in force');
    view.append(table([
        { key: 'version', title: t('Version'), type: 'int' },
        { key: 'effective', title: t('Counts from'), type: 'day' },
        { key: 'state', title: t('State'), show: r => stateBadge(r.state) },
        { key: 'name', title: t('Programme') },
        { key: 'author', title: t('Proposed by') },
        { key: 'approver', title: t('Approved by') },
        { key: 'published', title: t('Published'), type: 'time' },
    ], rows, { name: 'rules', csv: '/api/rules?format=csv', sort: '-version', actions: r => [
        button(t('Show'), () => showVersion(r), 'secondary', small),
        now && r !== now ? button(t('Compare'), () => showDiff(t('Version {a} and version {b}', { a: now.version, b: r.version }), `/api/rules/${now.version}/diff/${r.version}`), 'secondary', small) : null,
        mayWrite() ? button(t('New draft from it'), () => newDraft(r.version), 'secondary', small) : null,
        mayWrite() && r.state === 'past' ? button(t('Back to it'), () => rollBack(r), 'secondary', small) : null] }));
}

async function showVersion(r) {
    const v = await get(`/api/rules/${r.version}`);
    const forms = el('div');
    try {
        forms.append(rulesForm(JSON.parse(v.text), { readonly: true }));
    } catch {
        forms.append(notice(t('The text cannot be read.'), 'warn'));
    }
    dialog(t('Version {n}, from {day}', { n: v.version, day: day(v.effective) }), tabs([
        { title: t('Forms'), show: p => p.append(forms) },
        { title: t('Text'), show: p => p.append(el('pre.small.border.p-2', { tabindex: '0' }, v.text)) }]), { wide: true });
}

async function showDiff(heading, address) {
    dialog(heading, diffShown((await get(address)).rows), { wide: true });
}

async function rollBack(r) {
    const made = await confirm({ title: t('Back to version {n}?', { n: r.version }), action: t('Propose it'),
        text: t('Its text becomes a new version. A second person has to approve it.'), fields: [
            { name: 'effective', label: t('Counts from'), type: 'day', required: true, value: tomorrow(), min: today() },
            { name: 'reason', label: t('Reason'), required: true, maxLength: 200 }],
        onSubmit: v => post(`/api/rules/${r.version}/back`, v) });
    if (made)
        location.hash = '#/proposals/' + made.proposal;
}

async function newDraft(base) {
    const made = await confirm({ title: t('A new draft'), action: t('Begin'), fields: [
        { name: 'name', label: t('What is it about?'), required: true, maxLength: 60 }],
    onSubmit: v => post('/api/drafts', { ...v, base }) });
    if (made)
        location.hash = '#/rules/draft/' + made.draft;
}

/* ---- which till has which ---- */

const rolloutWords = () => ({ 'has it': [t('has the newest'), 'ok'], 'was sent': [t('was sent them'), 'info'], 'not yet': [t('not yet asked'), 'info'],
    'does not take it': [t('does not take them: its program may be too old'), 'bad'], 'never seen': [t('never seen'), 'off'] });

async function showRollout(view) {
    const all = await get('/api/rollout');
    view.append(stats(stat(t('Tills with the newest rules'), t('{n} of {total}', { n: number(all.have_it), total: number(all.rows.length) }))));
    view.append(table([
        { key: 'till', title: t('Till') }, { key: 'shop', title: t('Shop') }, { key: 'rules', title: t('Version'), type: 'int' },
        { key: 'state', title: t('State'), show: r => badge(...rolloutWords()[r.state]) },
        { key: 'since', title: t('Has them since'), type: 'time' }, { key: 'contact', title: t('Last heard of'), show: r => time(r.contact, t('never')) },
        { key: 'program', title: t('Program') },
    ], all.rows, { name: 'rollout', csv: '/api/rollout?format=csv', rowKind: r => r.state === 'does not take it' ? 'danger' : null }));
}

/* ---- drafts ---- */

async function showDrafts(view) {
    const rows = (await get('/api/drafts')).rows;
    view.append(table([
        { key: 'name', title: t('Draft') }, { key: 'base', title: t('Began as version'), type: 'int' }, { key: 'author', title: t('Begun by') },
        { key: 'changed_by', title: t('Changed by') }, { key: 'changed', title: t('Changed'), type: 'time' },
    ], rows, { name: 'drafts', csv: '/api/drafts?format=csv', link: r => '#/rules/draft/' + r.draft, empty: t('No drafts. Begin one from a version.'),
        tools: mayWrite() ? button(t('New draft'), () => newDraft(0), 'primary', { class: 'btn btn-sm btn-primary' }) : null }));
}

async function showDraft(view, id) {
    const d = await get('/api/drafts/' + encodeURIComponent(id));
    const place = { ...d, saved: d.text, form: null, doc: null };
    const said = el('div', { 'aria-live': 'polite' });
    const save = button(t('Save'), () => saveDraft(place, said), 'primary');
    let timer = 0;
    /** Head office's validator has the word; asked once typing rests. */
    place.check = () => {
        save.classList.toggle('btn-warning', place.text !== place.saved);
        clearTimeout(timer);
        timer = setTimeout(async () => {
            if (!mayWrite() || !said.isConnected)
                return;
            const found = await post('/api/rules-check', { text: place.text });
            place.good = found.good;
            place.faults = found.faults;
            sayFaults(place, said);
        }, 400);
    };
    title(d.name, el('a.btn.btn-outline-secondary', { href: '#/rules/drafts' }, t('All drafts')), mayWrite() ? save : null,
        mayWrite() ? button(t('Throw away'), () => dropDraft(place), 'outline-danger') : null);
    view.append(said, tabs([
        { title: t('Forms'), show: p => draftForms(p, place, said) },
        { title: t('Text'), show: p => draftText(p, place, said) },
        { title: t('What changes'), show: p => draftDiff(p, place, said) },
        { title: t('Preview'), show: p => draftPreview(p, place, said) },
        ...(mayWrite() ? [{ title: t('Publish'), show: p => draftPublish(p, place, said) }] : [])]));
    sayFaults(place, said);
}

/** Those that have no field are said above. */
function sayFaults(place, said) {
    const rest = place.form ? place.form.faults(place.faults) : place.faults;
    fill(said, place.good ? notice(t('These rules are well formed.'), 'ok')
        : notice(t('{n} things are wrong.', { n: number(place.faults.length) }), 'warn', rest.length ? el('ul.mb-0', {}, rest.slice(0, 12).map(x =>
            el('li', {}, x.line ? t('Line {n}: {text}', { n: x.line, text: x.text }) : x.text))) : null));
}

function draftForms(panel, place, said) {
    place.form = null;
    try {
        place.doc = JSON.parse(place.text);
    } catch (e) {
        panel.append(notice(t('The text cannot be read: mend it there first.'), 'warn'), el('pre.small', {}, e.message));
        return;
    }
    place.form = rulesForm(place.doc, { readonly: !mayWrite(), changed: () => {
        place.text = JSON.stringify(place.doc, null, 2) + '\n';
        place.check();
    } });
    panel.append(place.form);
    sayFaults(place, said);
}

function draftText(panel, place, said) {
    place.form = null;
    const box = el('textarea.form-control.font-monospace.small', { rows: 30, spellcheck: 'false', 'aria-label': t('Text of the rules'), value: place.text,
        readonly: !mayWrite(), oninput: () => {
            place.text = box.value;
            place.check();
        } });
    panel.append(box);
    sayFaults(place, said);
}

async function saveDraft(place, said) {
    const done = await post('/api/drafts/' + place.draft, { revision: place.revision, name: place.name, text: place.text });
    Object.assign(place, { revision: done.revision, good: done.good, faults: done.faults, saved: place.text });
    place.check();
    sayFaults(place, said);
    toast(t('Saved.'));
}

async function saveFirst(place, said) {
    if (place.text !== place.saved)
        await saveDraft(place, said);
}

async function dropDraft(place) {
    if (await confirm({ title: t('Throw {name} away?', { name: place.name }), danger: true, action: t('Throw away'),
        onSubmit: () => post(`/api/drafts/${place.draft}/drop`, { revision: place.revision }) }))
        location.hash = '#/rules/drafts';
}

async function draftDiff(panel, place, said) {
    place.form = null;
    if (mayWrite())
        await saveFirst(place, said);
    panel.append(el('p.text-muted', {}, t('Against the newest version, in one layout.')), diffShown((await get(`/api/drafts/${place.draft}/diff`)).rows));
}

/* ---- preview ---- */

/** A job until it has ended, then f with its result. */
async function follow(panel, job, text, f) {
    const bar = progress({ text, every: 300, cancel: () => post(`/api/jobs/${job}/cancel`).catch(e => toast(e.message, 'bad')), poll: async () => {
        const j = await get('/api/jobs/' + job);
        const ended = !['waiting', 'running'].includes(j.state);
        return { done: j.thousandths, total: 1000, text: j.state === 'waiting' ? t('It waits for its turn.') : `${Math.floor(j.thousandths / 10)}%`, ended, job: j };
    } });
    fill(panel, bar);
    const last = await bar.finished;
    if (!last.ended)
        return;
    fill(panel);
    if (last.job.state === 'done')
        await f(last.job.result);
    else
        panel.append(notice(last.job.sentence || last.job.state, 'bad'));
}

function draftPreview(panel, place, said) {
    place.form = null;
    const result = el('div');
    if (place.preview)
        result.append(previewShown(place.preview.result, place.preview.job));
    if (mayWrite())
        panel.append(form([
            { name: 'from', label: t('As if the draft had counted from'), type: 'day', required: true, value: monthsAgo(12), width: 4 },
            { name: 'to', label: t('Purchases up to'), type: 'day', required: true, value: today(), width: 4 }],
        { submit: t('Run it over the past'), onSubmit: async v => {
            await saveFirst(place, said);
            const { job } = await post(`/api/drafts/${place.draft}/preview`, v);
            await follow(result, job, t('The purchases of the past are posted again, by the draft.'), r => {
                place.preview = { result: r, job };
                fill(result, previewShown(r, job));
            });
        } }));
    panel.append(el('hr'), result);
}

/* ---- publishing ---- */

function draftPublish(panel, place, said) {
    place.form = null;
    panel.append(el('p', {}, t('A second person, who did not write in this draft, looks at what changes and approves it. It gets the next version number then, and the tills take it when they next reach head office.')));
    if (!place.preview)
        panel.append(notice(t('There is no preview of it yet: who approves will want to see one.'), 'warn'));
    panel.append(form([
        { name: 'effective', label: t('Counts from'), type: 'day', required: true, value: tomorrow(), min: today(), width: 4 },
        { name: 'reason', label: t('Reason'), required: true, maxLength: 200 }],
    { submit: t('Propose it'), onSubmit: async v => {
        await saveFirst(place, said);
        const made = await post(`/api/drafts/${place.draft}/propose`, { ...v, revision: place.revision, preview: place.preview?.job });
        toast(t('It waits for a second person.'));
        location.hash = '#/proposals/' + made.proposal;
    } }));
}

/* ---- sales of the past ---- */

async function showRerate(view) {
    const versions = (await get('/api/rules')).rows;
    const result = el('div');
    view.append(el('p', {}, t('A published rule never changes what was sold before. If sales have to be rated anew all the same, it is ordered: listed first, approved by a second person, and each sale that changes has an entry with the reason.')),
        form([
            { name: 'version', label: t('Rate by version'), type: 'select', required: true, options: versions.map(v => [v.version, `${v.version} (${day(v.effective)})`]), value: versions[0]?.version, width: 4 },
            { name: 'from', label: t('Sales from'), type: 'day', required: true, width: 4 },
            { name: 'to', label: t('up to'), type: 'day', required: true, value: today(), width: 4 },
            { name: 'shop', label: t('Code of the shop'), help: t('Empty: all shops'), maxLength: 15, width: 4 }],
        { submit: t('List what would change'), onSubmit: async v => {
            const { job } = await post('/api/rerate', v);
            await follow(result, job, t('The sales are rated by that version.'), r => rerateListed(result, job, r));
        } }), el('hr'), result);
}

function rerateListed(panel, job, r) {
    panel.append(facts([[t('Sales looked at'), number(r.sales)], [t('Sales that would change'), number(r.changing)], [t('Members'), number(r.members)],
        [t('Points more'), points(r.up)], [t('Points less'), points(r.down)]]),
    el('p', {}, el('a.btn.btn-outline-secondary', { href: `/api/jobs/${job}/rerate.csv`, download: 'rerate.csv' }, t('The list (CSV)'))));
    if (r.changing)
        panel.append(section(t('Order it'), form([{ name: 'reason', label: t('Reason'), required: true, maxLength: 200 }], { submit: t('Propose it'),
            onSubmit: async v => {
                const made = await post(`/api/rerate/${job}/propose`, v);
                location.hash = '#/proposals/' + made.proposal;
            } })));
    else
        panel.append(notice(t('No sale would change.'), 'info'));
}
