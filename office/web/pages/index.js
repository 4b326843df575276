// index.js - the pages there are: NAME is pages/NAME.js.  One line each, by the alphabet; the menu has its own order.
// SPDX-License-Identifier: Apache-2.0
export const names = [
    'audit',
    'cards',
    'dashboard',
    'members',
    'points',
    'reports',
    'reviews',
    'users',
    'rewards',
    'tills',
    'complaints',
    'feedback',
    'campaigns',
    'messages',
    'rules',
    'proposals',
    'jobs',
];
