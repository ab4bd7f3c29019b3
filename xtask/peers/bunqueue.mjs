// bunqueue, embedded in Bun on a file of SQLite: `default` as it comes but for 50 jobs at a time;
// `tuned` takes jobs in larger batches and asks for more without a pause; `durable` is tuned and
// writes each job before it answers, where the others answer from a buffer.

import { Queue, Worker } from "bunqueue/client";

const QUEUE = "bench";

export async function open(place, mode) {
  const options = { embedded: true, dataPath: place };
  const durable = mode === "durable" ? { durable: true } : {};
  const queue = new Queue(QUEUE, { ...options, defaultJobOptions: durable });
  let worker;
  return {
    submit: (data) => queue.add(QUEUE, data, durable),
    submitMany: (list) =>
      queue.addBulk(list.map((data) => ({ name: QUEUE, data, opts: durable }))),
    async work(handler) {
      const process = async (job) => handler(job.data);
      const tuned = mode === "default" ? {} : { batchSize: 100, drainDelay: 1 };
      worker = new Worker(QUEUE, process, { ...options, concurrency: 50, ...tuned });
      worker.on("error", (error) => console.error(error));
    },
    async remaining() {
      const counts = await queue.getJobCounts();
      return ["waiting", "active", "delayed", "prioritized"].reduce(
        (sum, state) => sum + (counts[state] ?? 0),
        0,
      );
    },
    async close() {
      await worker?.close();
      await queue.close();
    },
  };
}
