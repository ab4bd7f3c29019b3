// What host/benches/runtimes.rs measures, on Node, for scale. Prints one JSON object.
"use strict";
const vm = require("node:vm");
const { workloads, document, task, input } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
const repeat = (times, work) => Array.from({ length: times }, work);
const timed = (work) => {
  const began = performance.now();
  work();
  return performance.now() - began;
};

const figures = {};
const evaluate = eval;
for (const [name, source] of Object.entries(workloads)) {
  const run = evaluate(source);
  figures[name] = median(repeat(15, run));
}
figures.context = median(repeat(100, () => timed(() => vm.runInContext("0", vm.createContext({})))));
const run = evaluate("() => 1");
figures.call = median(repeat(1000, () => timed(() => run())));
for (const size of [1, 100, 1000]) {
  const text = `[${Array(size).fill(document).join(",")}]`;
  figures[`json ${size}`] = median(repeat(50, () => timed(() => JSON.stringify(JSON.parse(text)))));
}
const began = performance.now();
let runs = 0;
for (; performance.now() - began < 1000; runs++) {
  const main = vm.runInContext(`(${task})`, vm.createContext({}));
  JSON.stringify(main(JSON.parse(input)));
}
figures["executions per core"] = runs / ((performance.now() - began) / 1000);
figures.resident = process.memoryUsage().rss / 2 ** 20;
console.log(JSON.stringify(figures));
