// Runs one rung against one system and prints one JSON line. An adapter exports
// `open(place, mode)`, which gives { submit, submitMany, settle?, work, remaining, close }, and
// `processes(mode)` where one of its modes is for several.
//
//   node harness.mjs '{"system":"bullmq","mode":"tuned","rung":"A","n":1000,"place":"..."}'

import { fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const options = JSON.parse(process.argv[2]);
const adapter = await import(`./${options.system}.mjs`);
const clock = () => performance.timeOrigin + performance.now();
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A payload of 100 bytes that tells which job it is. */
function payload(i) {
  const head = { i, pad: "" };
  return { i, pad: "x".repeat(Math.max(0, 100 - JSON.stringify(head).length)) };
}

/** The same in a new context of the engine each time, into which and out of which goes JSON. */
async function fresh(source) {
  const vm = await import("node:vm");
  const script = new vm.Script(`JSON.stringify((${source})(JSON.parse(given)))`);
  return (data) => {
    const context = vm.createContext({ given: JSON.stringify(data) });
    return JSON.parse(script.runInContext(context));
  };
}

/** What a handler does in rung B: the same program, input and schemas as Ratchet's task. */
async function program() {
  const { default: Ajv } = await import("ajv");
  const ajv = new Ajv();
  const read = (name) => readFileSync(new URL(`./${name}`, import.meta.url), "utf8");
  const [input, output] = ["input.schema.json", "output.schema.json"].map((name) =>
    ajv.compile(JSON.parse(read(name))),
  );
  const source = read("task.js");
  const task = options.rung === "B2" ? await fresh(source) : new Function(`return (${source})`)();
  return {
    input: (i) => ({ i, document: read("document.json") }),
    run(data) {
      if (!input(data)) throw new Error("the input does not satisfy its schema");
      const result = task(data);
      if (!output(result)) throw new Error("the output does not satisfy its schema");
      return result;
    },
  };
}

const work = options.rung.startsWith("B") ? await program() : { input: payload, run: () => ({ ok: true }) };

/** Counts how often each job ran, and when the first one did. */
class Runs {
  counts = new Uint8Array(options.n);
  done = 0;
  first = Infinity;

  handler = (data) => {
    if (this.done === 0) this.first = clock();
    this.counts[data.i] += 1;
    this.done += 1;
    return work.run(data);
  };

  merge({ counts, done, first }) {
    counts.forEach((count, i) => (this.counts[i] += count));
    this.done += done;
    if (done > 0) this.first = Math.min(this.first, first);
  }

  get exact() {
    return this.counts.every((count) => count === 1);
  }
}

function percentile(sorted, share) {
  return Math.round(sorted[Math.floor((sorted.length - 1) * share)] * 1000);
}

function print(result) {
  const { system, mode, rung } = options;
  process.stdout.write(`${JSON.stringify({ system, mode, rung, ...result })}\n`);
}

async function preload(queue) {
  for (let from = 0; from < options.n; from += 1000) {
    const many = Math.min(1000, options.n - from);
    await queue.submitMany(Array.from({ length: many }, (_, k) => work.input(from + k)));
  }
  await queue.settle?.();
}

/**
 * Rungs A and B: jobs that are there already, from the first one's start to the last one's end, or
 * as many of them as the time allows.
 */
async function burn() {
  const queue = await adapter.open(options.place, options.mode);
  await preload(queue);
  const runs = new Runs();
  const processes = adapter.processes?.(options.mode) ?? 1;
  const children = [];
  const deadline = clock() + options.budget_s * 1000;
  if (processes === 1) {
    await queue.work(runs.handler);
    while (runs.done < options.n && clock() < deadline) await sleep(1);
  } else {
    const done = new Array(processes).fill(0);
    for (let k = 0; k < processes; k += 1) {
      const child = fork(fileURLToPath(import.meta.url), [
        JSON.stringify({ ...options, child: true }),
      ]);
      child.on("message", (message) => (done[k] = message.done ?? done[k]));
      children.push(child);
    }
    const sum = () => done.reduce((a, b) => a + b);
    while (sum() < options.n && clock() < deadline) await sleep(1);
  }
  const partial = clock() >= deadline;
  while (!partial && (await queue.remaining()) > 0) await sleep(1);
  const end = clock();
  for (const child of children) {
    runs.merge(await new Promise((resolve) => {
      child.on("message", (message) => message.counts && resolve(message));
      child.send("end");
    }));
  }
  const [n, seconds] = [runs.done, (end - runs.first) / 1000];
  const exact = runs.counts.every((count) => count === 1 || (partial && count === 0));
  print({ n, partial, seconds, per_second: n / seconds, exact, processes });
  // What is left of a run that was not waited for need not be put in order.
  if (!partial) await queue.close();
}

/** One of several processes of a burn-down. */
async function burnAsChild() {
  const queue = await adapter.open(options.place, options.mode);
  const runs = new Runs();
  await queue.work(runs.handler);
  const telling = setInterval(() => process.send({ done: runs.done }), 5);
  await new Promise((resolve) => process.once("message", resolve));
  clearInterval(telling);
  process.send({ counts: Array.from(runs.counts), done: runs.done, first: runs.first });
  await queue.close();
  process.exit(0);
}

/** Rung C: one job at a time, from the call that submits it to the handler's first line. */
async function latency() {
  const queue = await adapter.open(options.place, options.mode);
  let began;
  const runs = new Runs();
  await queue.work((data) => {
    const now = clock();
    const result = runs.handler(data);
    began(now);
    return result;
  });
  await sleep(1000);
  const samples = [];
  const end = clock() + options.budget_s * 1000;
  while (samples.length < options.n && clock() < end) {
    const start = new Promise((resolve) => (began = resolve));
    const before = clock();
    await queue.submit(payload(samples.length));
    samples.push((await start) - before);
    await sleep(2);
  }
  while ((await queue.remaining()) > 0) await sleep(1);
  const exact = runs.counts.subarray(0, samples.length).every((count) => count === 1);
  samples.sort((a, b) => a - b);
  const [p50_us, p99_us] = [percentile(samples, 0.5), percentile(samples, 0.99)];
  print({ n: samples.length, p50_us, p99_us, exact });
  await queue.close();
}

/** Rung E: how many jobs a second are accepted, one to a call and a thousand to a call. */
async function enqueue() {
  const queue = await adapter.open(options.place, options.mode);
  let total = 0;
  const measure = async (callers, each, n, submit) => {
    const began = clock();
    let next = 0;
    const caller = async () => {
      while (next < n) {
        const from = next;
        next += each;
        await submit(from, Math.min(each, n - from));
      }
    };
    await Promise.all(Array.from({ length: callers }, caller));
    const seconds = (clock() - began) / 1000;
    total += n;
    const exact = (await queue.remaining()) === total;
    print({ n, callers, batch: each, seconds, per_second: n / seconds, exact });
  };
  const one = (from) => queue.submit(payload(from));
  for (const callers of [1, 32, 256]) {
    await measure(callers, 1, Math.min(options.n, callers * 500), one);
  }
  const many = (from, count) =>
    queue.submitMany(Array.from({ length: count }, (_, k) => payload(from + k)));
  await measure(1, 1000, options.n, many);
  await queue.close();
}

const rungs = { A: burn, B: burn, B2: burn, C: latency, E: enqueue };
await (options.child ? burnAsChild() : rungs[options.rung]());
process.exit(0);
