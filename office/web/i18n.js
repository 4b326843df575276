// i18n.js - the language of the pages: t('English sentence') gives it in the language chosen.
// The key is the English sentence itself; zh.json has the Chinese.  {name} in a sentence stands for a value.
// SPDX-License-Identifier: Apache-2.0

let words = {};
let chosen = 'en';

export const languages = [['en', 'English'], ['zh', '中文']];

/** The sentence in the language chosen, with values put in: t('{n} members', { n: 3 }). */
export function t(sentence, values) {
    const text = words[sentence] ?? sentence;
    return values ? text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all) : text;
}

/** "en" or "zh". */
export function language() {
    return chosen;
}

/** For Intl. */
export function locale() {
    return chosen === 'zh' ? 'zh-CN' : 'en-GB';
}

/** What was chosen in this browser before, else what is said, else what the browser speaks. */
export function languageWanted(said) {
    const kept = localStorage.getItem('patron-language');
    const wanted = kept || said || navigator.language.slice(0, 2);
    return languages.some(([code]) => code === wanted) ? wanted : 'en';
}

/** Was one chosen in this browser? */
export function languageKept() {
    return Boolean(localStorage.getItem('patron-language'));
}

/** Sets the language; keep: also for the next time in this browser. */
export async function setLanguage(code, keep) {
    if (keep)
        localStorage.setItem('patron-language', code);
    words = code === 'zh' ? await (await fetch(new URL('zh.json', import.meta.url))).json() : {};
    chosen = code;
    document.documentElement.lang = locale();
}
