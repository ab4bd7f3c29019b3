//! Nothing of a run is left for the next one: each case spoils all it can, and the last looks.

use super::{Case, case};

pub(super) fn cases() -> Vec<Case> {
    let spoil = |name, source: &str| case(name, source).returns("true");
    let mut cases = vec![
        spoil(
            "spoils globals",
            "globalThis.leaked = 1; var alsoLeaked = 2; leakedToo = 3; function \
                leakedFunction() {}\n() => true",
        ),
        spoil(
            "spoils lexical variables",
            "let leakedLet = 1; const leakedConst = 2; class LeakedClass {}\n() => \
                true",
        ),
        spoil(
            "spoils Object.prototype",
            "Object.prototype.leaked = 1; Object.prototype.toJSON = undefined; () => \
                true",
        ),
        spoil(
            "spoils Array.prototype",
            "Array.prototype.map = () => 'spoiled'; Array.prototype.leaked = 1; \
                Array.prototype[Symbol.iterator] = null;\n() => true",
        ),
        spoil(
            "spoils JSON",
            "JSON.parse = () => 'spoiled'; JSON.stringify = () => 'spoiled'; () => \
                true",
        ),
        spoil(
            "spoils Promise",
            "Promise.prototype.then = function () { throw 1 }; Promise.resolve = \
                null; globalThis.Promise = null; () => true",
        ),
        spoil(
            "spoils Error",
            "Error.prototype.name = 'Spoiled'; Error.prototype.toString = null; \
                globalThis.Error = null; () => true",
        ),
        spoil(
            "spoils functions",
            "Function.prototype.call = null; Function.prototype.apply = null; \
                Reflect.apply = null; () => true",
        ),
        spoil(
            "spoils text and numbers",
            "String.prototype.split = null; String.prototype.replace = null; \
                Math.max = null; Number.prototype.toString = null; () => true",
        ),
        spoil(
            "spoils our own",
            "console.log = null; URL.prototype.toString = null; delete \
                globalThis.fetch; HttpError.prototype.name = 'Spoiled'; \
                module.exports.main = () => true; exports.leaked = 1;\n() => true",
        ),
        spoil(
            "spoils symbols and registries",
            "Symbol.for('leaked').description; globalThis[Symbol.for('leaked')] = 1; \
                Object.setPrototypeOf(globalThis, null); (() => true)",
        ),
        spoil(
            "leaves timers and promises behind",
            "setTimeout(() => { globalThis.leaked = 1 }, 0); setInterval(() => {}, \
                1); new Promise(() => {}).then(() => {}); () => true",
        ),
        spoil(
            "freezes everything",
            "Object.freeze(Array.prototype); Object.freeze(Object.prototype); \
                Object.freeze(globalThis); () => true",
        ),
    ];
    cases.push(case("finds nothing of them", LOOK).returns("[]"));
    cases
}

/// Names what differs from a fresh context.
const LOOK: &str = r"
async function main() {
  const found = [];
  const expect = (what, holds) => { if (!holds) found.push(what); };
  for (const name of ['leaked', 'alsoLeaked', 'leakedToo', 'leakedFunction', 'leakedLet',
    'leakedConst', 'LeakedClass']) {
    let there = true;
    try { (0, eval)(name); } catch (e) { there = !(e instanceof ReferenceError); }
    expect(name, !there);
  }
  expect('Object.prototype', ({}).leaked === undefined && !('toJSON' in {}));
  expect('Array.prototype', [1].map(x => x + 1)[0] === 2 && [].leaked === undefined);
  expect('iteration', [...[1]].length === 1);
  expect('JSON', JSON.parse('[1]')[0] === 1 && JSON.stringify([1]) === '[1]');
  expect('Promise', await Promise.resolve(1).then(x => x) === 1);
  expect('Error', `${new Error('x')}` === 'Error: x' && new TypeError().name === 'TypeError');
  expect('Function', (function () { return this; }).call(1) == 1);
  expect('apply', Math.max.apply(null, [1, 2]) === 2);
  expect('String', 'a,b'.split(',').length === 2 && 'a'.replace('a', 'b') === 'b');
  expect('Number', (255).toString(16) === 'ff' && Math.max(1, 2) === 2);
  expect('console', typeof console.log === 'function');
  expect('URL', `${new URL('http://h')}` === 'http://h/');
  expect('fetch', typeof fetch === 'function');
  expect('HttpError', new HttpError(1, 'x').name === 'HttpError');
  expect('Symbol', globalThis[Symbol.for('leaked')] === undefined);
  expect('prototype', globalThis instanceof Object);
  expect('frozen', !Object.isFrozen(Array.prototype) && !Object.isFrozen(globalThis));
  await new Promise(done => setTimeout(done, 5));
  expect('timers', globalThis.leaked === undefined);
  return found;
}
";
