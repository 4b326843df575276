// rules_form.js - the rules as forms: what docs/programme.md defines, a field for each key.  The JSON text stays the
// truth: a form changes one value in it and leaves the rest, notes too, as it is.  A fault of head office's validator
// names the value by a JSON pointer ("/earn/rate") and is shown at its field.
// SPDX-License-Identifier: Apache-2.0
import { t } from './i18n.js';
import { button, el, fill, moneyToType, moneyTyped, newId } from './ui.js';

/* ---- what there is: sections with a path, of fields, or lists of objects with fields ---- */

const f = (name, type, label, more = {}) => ({ name, type, label, ...more });

/** Fields of a scope; of a bill as a whole there is no code and no category. */
function scope(lines = true) {
    return [
        ...(lines ? [f('when/sku', 'text', t('Article code'), { help: t('With * at the end: all that begin so') }), f('when/category', 'text', t('Category'))] : []),
        f('when/shop', 'text', t('Shop')), f('when/tier', 'text', t('Code of the tier')), f('when/coupon', 'text', t('Coupon shown')),
        f('when/mark', 'text', t('Mark of the member'), { help: t('first, birthday, or the code of a segment') }),
        f('when/from', 'day', t('From')), f('when/to', 'day', t('To')), f('when/weekdays', 'weekdays', t('Weekdays')),
        f('when/from_time', 'text', t('From (time)'), { help: '17:00' }), f('when/to_time', 'text', t('To (time)'), { help: '21:00' }),
    ];
}

const unscoped = list => list.map(x => ({ ...x, name: x.name.replace('when/', '') }));

function sections() {
    const ratio = t('A whole number, or two such as 3/2');
    return [
        { title: t('Programme'), path: [], fields: [
            f('name', 'text', t('Name'), { required: true }), f('currency', 'text', t('Currency'), { required: true, disabled: true }),
            f('clock_skew_s', 'int', t('Clock of a till off by more, s'), { missing: 600 })] },
        { title: t('Earning'), path: ['earn'], fields: [
            f('rate', 'ratio', t('Points for each cent'), { required: true, help: t('1/100 is a point for each 1.00') }),
            f('points_paid_earns', 'bool', t('What is paid with points earns too')),
            f('rounding', 'select', t('Rounding'), { same: 'floor', options: [['', t('down')], ['nearest', t('to the nearest')], ['ceiling', t('up')]] }),
            f('round_per', 'select', t('Rounded'), { same: 'bill', options: [['', t('once a bill')], ['line', t('for each line')]] }),
            f('multipliers_stack', 'bool', t('All multipliers that apply count, multiplied')),
            f('cap_per_bill', 'int', t('At most, of a bill'), { missing: 0 }), f('cap_per_day', 'int', t('At most, a day'), { missing: 0 }),
            f('cap_per_month', 'int', t('At most, a month'), { missing: 0 }),
            f('vest_days', 'int', t('Days until points may be spent'), { missing: 0 }),
            f('exclude_tenders', 'texts', t('Ways of paying that earn nothing'), { help: t('Codes of the cash register, with commas') })] },
        { title: t('What earns nothing'), path: ['earn', 'exclude'], list: t('an exception'), fields: unscoped(scope()) },
        { title: t('Multipliers'), path: ['earn', 'multipliers'], list: t('a multiplier'), fields: [
            f('name', 'text', t('Name'), { required: true }), f('factor', 'ratio', t('Times'), { required: true, help: ratio }), ...scope()] },
        { title: t('Bonus points'), path: ['earn', 'bonuses'], list: t('a bonus'), fields: [
            f('name', 'text', t('Name'), { required: true }), f('points', 'int', t('Points'), { required: true }), ...scope()] },
        { title: t('Stamp cards'), path: ['stamps'], list: t('a stamp card'), fields: [
            f('name', 'text', t('Name'), { required: true }),
            f('per', 'select', t('A stamp for'), { same: 'piece', options: [['', t('each piece')], ['visit', t('each visit')]] }),
            f('every', 'int', t('Stamps that fill it'), { required: true }), f('points', 'int', t('Points for a full card')),
            f('reward', 'text', t('or the price of this reward')), ...scope()] },
        { title: t('Tiers'), path: ['tiers'], fields: [
            f('metric', 'select', t('What counts'), { same: 'spend', options: [['', t('money spent')], ['points', t('points earned')], ['visits', t('visits')], ['mix', t('all three, weighed')]] }),
            f('mix/spend', 'ratio', t('Weight of each cent')), f('mix/points', 'ratio', t('Weight of each point')), f('mix/visits', 'ratio', t('Weight of each visit')),
            f('window', 'select', t('Over'), { same: 'rolling', options: [['', t('the last days')], ['calendar_year', t('the calendar year')], ['anniversary', t('the year of membership')], ['lifetime', t('all time')]] }),
            f('window_days', 'int', t('How many days'), { missing: 365 }), f('grace_days', 'int', t('Days of grace'), { missing: 0 }),
            f('downgrade_one_step', 'bool', t('One step down at a time'))] },
        { title: t('Tiers, lowest first'), path: ['tiers', 'levels'], list: t('a tier'), fields: [
            f('code', 'text', t('Code'), { required: true, help: t('On the card: it stays') }), f('name', 'text', t('Name')),
            f('upgrade_at', 'metric', t('Reached from')), f('keep_at', 'metric', t('Kept from')),
            f('factor', 'ratio', t('Points times'), { help: ratio }), f('offline_per_tap', 'int', t('Redeemed off line, at once')),
            f('offline_per_day', 'int', t('Redeemed off line, a day')), f('reward_factor', 'ratio', t('Prices of rewards times')),
            f('birthday_points', 'int', t('Points on the birthday'))] },
        { title: t('When points end'), path: ['expiry'], fields: [
            f('kind', 'select', t('They end'), { required: true, options: [['never', t('never')], ['rolling', t('some days after they were earned')],
                ['year_end', t('at the end of a year')], ['activity', t('some days after the last purchase')], ['anniversary', t('at the end of a year of membership')]] }),
            f('days', 'int', t('Days')), f('years', 'int', t('Years more')), f('reinstate_days', 'int', t('Brought back within days'), { missing: 0 })] },
        { title: t('Redeeming'), path: ['redeem'], fields: [
            f('worth', 'ratio', t('Cents that a point pays')), f('min', 'int', t('At least at once')), f('step', 'int', t('In steps of'), { missing: 1 }),
            f('max_share', 'ratio', t('Part of a bill at most'), { help: '1/2' }), f('offline_days', 'int', t('Days off line'), { missing: 0 }),
            f('second_factor_above', 'int', t('PIN above so many points'), { missing: 0 }), f('hold_minutes', 'int', t('Minutes points are set aside'), { missing: 15 })] },
        { title: t('Rewards'), path: ['rewards'], list: t('a reward'), fields: [
            f('code', 'text', t('Code'), { required: true }), f('name', 'text', t('Name')), f('name_zh', 'text', t('Name in Chinese')),
            f('kind', 'select', t('What it is'), { required: true, options: [['money', t('money off')], ['percent', t('a part of the bill off')], ['item', t('an article')], ['sliding', t('one of several steps')]] }),
            f('points', 'int', t('Price in points')), f('value', 'money', t('Value')), f('percent', 'ratio', t('Part of the bill'), { help: '1/10' }),
            f('sku', 'text', t('Article code')), f('steps', 'json', t('Steps'), { help: '[{"points": 100, "value": 100}]' }),
            f('max_share', 'ratio', t('Part of a bill at most')), f('tiers', 'texts', t('Tiers that may'), { help: t('Codes, with commas; empty: all') }),
            f('from', 'day', t('From')), f('to', 'day', t('To')), f('stock', 'int', t('How many there are')), f('per_member', 'int', t('For one member'))] },
        { title: t('Money off for members'), path: ['rebates'], list: t('a rebate'), fields: [
            f('name', 'text', t('Name'), { required: true }), f('rate', 'ratio', t('Part that comes off'), { required: true, help: '1/10' }), ...scope()] },
        { title: t('Goodwill at the tills'), path: ['grants'], fields: [
            f('per_gift', 'int', t('Points in one gift'), { missing: 0 }), f('per_day', 'int', t('Points of a till a day')),
            f('register', 'bool', t('A cash register may decide by itself'))] },
        { title: t('Refunds and cards'), path: [], fields: [
            f('refund/may_owe', 'bool', t('Points spent before goods came back are owed'), { missing: true }),
            f('cards/replace_days', 'int', t('Days until points of a replaced card may be spent'), { missing: 0 })] },
    ];
}

const weekdays = () => [['mon', t('Mon')], ['tue', t('Tue')], ['wed', t('Wed')], ['thu', t('Thu')], ['fri', t('Fri')], ['sat', t('Sat')], ['sun', t('Sun')]];

/* ---- values in the document ---- */

function valueAt(doc, path) {
    return path.reduce((at, key) => at === null || typeof at !== 'object' ? undefined : at[key], doc);
}

/** undefined takes the key away, and with it an object that is empty then. */
function setAt(doc, path, value) {
    let at = doc;
    const way = [];
    for (const key of path.slice(0, -1)) {
        way.push([at, key]);
        if (at[key] === null || typeof at[key] !== 'object') {
            if (value === undefined)
                return;
            at[key] = {};
        }
        at = at[key];
    }
    const last = path[path.length - 1];
    if (value !== undefined) {
        at[last] = value;
        return;
    }
    delete at[last];
    for (const [parent, key] of way.reverse()) {
        if (Array.isArray(parent[key]) || Array.isArray(parent) || Object.keys(parent[key]).length)
            break;
        delete parent[key];
    }
}

const pointer = path => path.map(k => '/' + String(k).replaceAll('~', '~0').replaceAll('/', '~1')).join('');

/* ---- one field ---- */

/** Do the tiers count money?  Then what they are reached from is money. */
const spends = doc => [undefined, 'spend'].includes(doc.tiers?.metric);

function typed(field, doc, value) {
    const money = field.type === 'money' || (field.type === 'metric' && spends(doc));
    if (value === undefined || value === null)
        return '';
    if (field.type === 'texts')
        return Array.isArray(value) ? value.join(', ') : String(value);
    if (field.type === 'json')
        return JSON.stringify(value);
    return money && Number.isInteger(value) ? moneyToType(value) : String(value);
}

/** What was typed as it stands in the document; what is no number stays as it is, and head office says what is wrong. */
function meant(field, doc, text) {
    const s = text.trim();
    if (s === '')
        return undefined;
    switch (field.type) {
    case 'int': return /^-?\d+$/.test(s) ? Number(s) : s;
    case 'ratio': return /^\d+$/.test(s) ? Number(s) : s;
    case 'money': return moneyTyped(s) ?? s;
    case 'metric': return spends(doc) ? moneyTyped(s) ?? s : /^\d+$/.test(s) ? Number(s) : s;
    case 'texts': return s.split(/[,，]/).map(x => x.trim()).filter(Boolean);
    case 'json': try { return JSON.parse(s); } catch { return s; }
    default: return text;
    }
}

function inputFor(state, field, path, id) {
    const doc = state.doc, value = valueAt(doc, path), readonly = state.readonly || field.disabled;
    const common = { id, disabled: readonly, 'data-pointer': pointer(path), 'aria-describedby': `${id}-help ${id}-fault` };
    const put = v => {
        setAt(doc, path, v);
        state.changed();
    };
    if (field.type === 'bool')
        return el('input.form-check-input', { ...common, type: 'checkbox', checked: Boolean(value ?? field.missing), onchange: e =>
            put(e.target.checked === Boolean(field.missing) ? undefined : e.target.checked) });
    if (field.type === 'select')
        return el('select.form-select.form-select-sm', { ...common, onchange: e => put(e.target.value || undefined) },
            field.required && value === undefined ? el('option', { value: '' }, '') : null, field.options.map(([v, label]) => el('option', { value: v, selected: v === (value === field.same ? '' : value ?? '') }, label)));
    if (field.type === 'weekdays')
        return el('div', { id, role: 'group', 'data-pointer': pointer(path), 'aria-label': field.label }, weekdays().map(([v, label]) =>
            el('label.form-check.form-check-inline.me-2', {}, el('input.form-check-input', { type: 'checkbox', value: v, disabled: readonly,
                checked: (value || []).includes(v), onchange: e => {
                    const all = [...e.target.closest('[role=group]').querySelectorAll('input:checked')].map(i => i.value);
                    put(all.length ? all : undefined);
                } }), el('span.form-check-label.small', {}, label))));
    return el('input.form-control.form-control-sm', { ...common, type: field.type === 'day' ? 'date' : 'text', required: field.required, autocomplete: 'off',
        inputmode: field.type === 'int' ? 'numeric' : null, value: typed(field, doc, value), placeholder: field.missing !== undefined ? String(field.missing) : null,
        onchange: e => put(meant(field, doc, e.target.value)) });
}

function fieldOf(state, field, base) {
    const id = newId('rule'), path = [...base, ...field.name.split('/')];
    const input = inputFor(state, field, path, id);
    const fault = el('div.invalid-feedback', { id: `${id}-fault`, 'aria-live': 'polite' });
    const help = field.help ? el('div.form-text', { id: `${id}-help` }, field.help) : el('span', { id: `${id}-help`, hidden: true });
    state.inputs.push({ pointer: pointer(path), input, fault });
    if (field.type === 'bool')
        return el('div.col-12.col-md-6', {}, el('div.form-check', {}, input, el('label.form-check-label', { for: id }, field.label), help, fault));
    return el(`div.col-12.col-sm-6.col-lg-${field.type === 'weekdays' ? 8 : 3}`, {}, el('label.form-label.small.mb-1', { for: field.type === 'weekdays' ? null : id }, field.label,
        field.required ? el('span.text-danger', { 'aria-hidden': 'true' }, ' *') : null), input, help, fault);
}

/* ---- sections ---- */

function itemOf(state, s, i, redraw) {
    const list = valueAt(state.doc, s.path), item = list[i];
    const said = item.name || item.code || Object.values(item.when || item).filter(v => typeof v === 'string').join(', ') || `${i + 1}`;
    const move = by => {
        list.splice(i + by, 0, ...list.splice(i, 1));
        state.changed();
        redraw();
    };
    const box = el('details.border.rounded.p-2.mb-2', { open: state.open.has(item) }, el('summary', {}, said), el('div.row.g-2.mt-1', {},
        s.fields.map(x => fieldOf(state, x, [...s.path, i]))), state.readonly ? null : el('div.d-flex.gap-2.mt-2', {},
        i > 0 ? button('↑', () => move(-1), 'secondary', { class: 'btn btn-sm btn-outline-secondary', 'aria-label': t('Move up') }) : null,
        i < list.length - 1 ? button('↓', () => move(1), 'secondary', { class: 'btn btn-sm btn-outline-secondary', 'aria-label': t('Move down') }) : null,
        button(t('Remove'), () => {
            list.splice(i, 1);
            if (!list.length)
                setAt(state.doc, s.path, undefined);
            state.changed();
            redraw();
        }, 'outline-danger', { class: 'btn btn-sm btn-outline-danger' })));
    box.addEventListener('toggle', () => box.open ? state.open.add(item) : state.open.delete(item));
    return box;
}

function sectionOf(state, s) {
    const body = el('div');
    const redraw = () => {
        state.inputs = state.inputs.filter(x => x.section !== s);
        const before = state.inputs.length;
        if (!s.list) {
            fill(body, el('div.row.g-2', {}, s.fields.map(x => fieldOf(state, x, s.path))));
        } else {
            const list = valueAt(state.doc, s.path);
            fill(body, Array.isArray(list) ? list.map((_, i) => itemOf(state, s, i, redraw)) : null,
                state.readonly ? null : button(t('Add {what}', { what: s.list }), () => {
                    if (!Array.isArray(valueAt(state.doc, s.path)))
                        setAt(state.doc, s.path, []);
                    const item = {};
                    valueAt(state.doc, s.path).push(item);
                    state.open.add(item);
                    state.changed();
                    redraw();
                }, 'secondary', { class: 'btn btn-sm btn-outline-secondary' }));
        }
        state.inputs.slice(before).forEach(x => { x.section = s; });
        state.show();
    };
    redraw();
    return el('fieldset.mb-4', {}, el('legend.h6', {}, s.title), body);
}

/** Forms for this document (an object, changed in place).  changed(): something was.  The element has faults(list): shows
 *  each at its field, and gives those that have none. */
export function rulesForm(doc, { readonly = false, changed = () => {} } = {}) {
    const state = { doc, readonly, changed, inputs: [], open: new Set(), faults: [], show: () => {} };
    const whole = el('div', {}, sections().map(s => sectionOf(state, s)));
    state.show = () => {
        const rest = [];
        for (const x of state.inputs) {
            x.fault.textContent = '';
            x.fault.classList.remove('d-block');
            x.input.classList.remove('is-invalid');
        }
        for (const fault of state.faults) {
            // The value itself, or the nearest thing it stands in.
            const at = state.inputs.find(x => x.pointer === fault.pointer) ||
                state.inputs.find(x => fault.pointer && fault.pointer.startsWith(x.pointer + '/'));
            if (!at) {
                rest.push(fault);
                continue;
            }
            at.fault.textContent = fault.text;
            at.fault.classList.add('d-block');
            at.input.classList.add('is-invalid');
            const box = at.input.closest('details');
            if (box)
                box.open = true;
        }
        return rest;
    };
    whole.faults = list => {
        state.faults = list;
        return state.show();
    };
    return whole;
}
