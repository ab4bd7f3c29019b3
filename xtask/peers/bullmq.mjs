// BullMQ: `default` runs one job at a time, `tuned` 100 in one worker. How durable an answer is, is
// the Redis server's configuration.

import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";

const QUEUE = "bench";

export async function open(place, mode) {
  const connect = () => new Redis({ path: place, maxRetriesPerRequest: null });
  const queue = new Queue(QUEUE, { connection: connect() });
  await queue.waitUntilReady();
  let worker;
  return {
    submit: (data) => queue.add(QUEUE, data),
    submitMany: (list) => queue.addBulk(list.map((data) => ({ name: QUEUE, data }))),
    async work(handler) {
      const concurrency = mode === "tuned" ? 100 : 1;
      const process = async (job) => handler(job.data);
      worker = new Worker(QUEUE, process, { connection: connect(), concurrency });
      worker.on("error", (error) => console.error(error));
      await worker.waitUntilReady();
    },
    remaining: () => queue.getJobCountByTypes("waiting", "active", "delayed", "prioritized"),
    async close() {
      await worker?.close();
      await queue.close();
    },
  };
}
