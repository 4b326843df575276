// words.mjs - what can be said of the pages without a browser: every sentence has its Chinese, nothing foreign is
// loaded, no markup is made of data.  node tests/web/words.mjs [--missing]: lines for zh.json to be filled in.
// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = new URL('../../office/web/', import.meta.url).pathname;
const files = readdirSync(root, { recursive: true }).filter(f => /\.(js|html|css|svg)$/.test(f)).sort();
const text = Object.fromEntries(files.map(f => [f, readFileSync(join(root, f), 'utf8')]));
const scripts = files.filter(f => f.endsWith('.js'));
let failed = false;

function claim(what, faults) {
    console.log(faults.length ? `not ok - ${what}` : `ok - ${what}`);
    faults.forEach(f => console.log('    ' + f));
    failed ||= faults.length > 0;
}
const unquoted = s => s.replace(/\\(.)/g, '$1');
const holes = s => (s.match(/\{\w+\}/g) || []).sort().join();

const sentences = new Map(), odd = [];
for (const f of scripts) {
    const code = text[f].replace(/^\s*(\/\/|\*|\/\*).*$/gm, '');
    for (const m of code.matchAll(/(?<![\w.$])t\(\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|(.{0,30}))/g)) {
        if (m[3] === undefined)
            sentences.set(unquoted(m[1] ?? m[2]), f);
        else if (!/^(p|page)\.title\b/.test(m[3]) && !/^sentence, values\)/.test(m[3]))
            odd.push(`${f}: t(${m[3]}`);
    }
    for (const m of code.matchAll(/export const page = \{[^}]*?title:\s*'((?:[^'\\]|\\.)*)'/g))
        sentences.set(unquoted(m[1]), f);
}
let zh = {};
try {
    zh = JSON.parse(readFileSync(join(root, 'zh.json'), 'utf8'));
} catch (e) {
    claim('zh.json can be read', [e.message]);
}
const missing = [...sentences.keys()].filter(s => !zh[s]).sort();
if (process.argv.includes('--missing')) {
    missing.forEach(s => console.log(`${JSON.stringify(s)}: "",`));
    process.exit(0);
}
claim('every sentence of the pages has its Chinese', missing.map(s => `${sentences.get(s)}: ${s}`));
claim('t() is given the sentence itself, so that it is found', odd);
claim('the Chinese has the same values in it', Object.keys(zh).filter(s => zh[s] && holes(s) !== holes(zh[s])));
claim('no page names a foreign origin', files.flatMap(f => (text[f].match(/(https?:)?\/\/[\w-]+\.[\w.-]+/g) || [])
    .filter(u => u !== 'http://www.w3.org').map(u => `${f}: ${u}`)));
claim('no markup is made of data, nothing is evaluated', scripts.flatMap(f =>
    (text[f].match(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/g) || []).map(w => `${f}: ${w}`)));
claim('no script, style or handler stands in a page', files.filter(f => f.endsWith('.html')).flatMap(f =>
    (text[f].match(/<script(?![^>]*\ssrc=)[^>]*>|<style|\sstyle=|\son\w+=/g) || []).map(w => `${f}: ${w}`)));
const exported = f => new Set([...(text[f] || '').matchAll(/^export (?:async )?(?:function|const|let|class) (\w+)/gm)].map(m => m[1]));
claim('what a module takes of another is there, and no page takes from app.js, which waits for the pages', scripts.flatMap(f =>
    [...text[f].matchAll(/import \{([^}]+)\} from '([^']+)'/g)].flatMap(([, names, from]) => {
        const target = join(f, '..', from), there = exported(target);
        return [...names.split(',').map(n => n.trim().split(' as ')[0]).filter(n => n && !there.has(n)).map(n => `${f}: ${n} of ${from}`),
            ...(target === 'app.js' ? [`${f} takes from app.js: it never ends`] : [])];
    })));
const listed = (text['pages/index.js'].match(/^ {4}'(\w+)'/gm) || []).map(l => l.trim().replaceAll("'", ''));
const there = files.filter(f => /^pages\/(?!index)\w+\.js$/.test(f)).map(f => f.slice(6, -3));
claim('every page is in the list of pages', [...there.filter(n => !listed.includes(n)), ...listed.filter(n => !there.includes(n))]);
process.exit(failed ? 1 : 0);
