// graphile-worker: `default` as people start it, 24 jobs at a time; `tuned` as its own benchmark
// is configured, with a local queue and completions in batches; `tuned-2` the same in two
// processes. It deletes the row of a job that succeeded and keeps no result.

import { makeWorkerUtils, run, Logger, runMigrations } from "graphile-worker";
import pg from "pg";

const CONCURRENT = 24;
const TUNED = {
  localQueue: { size: 500, refetchDelay: { durationMs: 10 } },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0,
};

export const processes = (mode) => (mode === "tuned-2" ? 2 : 1);

export async function open(place, mode) {
  const pool = new pg.Pool({ connectionString: place, max: CONCURRENT + 8 });
  pool.on("error", (error) => console.error(error));
  pool.on("connect", (client) => client.on("error", (error) => console.error(error)));
  const logger = new Logger(() => (level, message) => {
    if (level === "error") console.error(message);
  });
  await runMigrations({ pgPool: pool, logger });
  const utils = await makeWorkerUtils({ pgPool: pool, logger });
  let runner;
  return {
    submit: (data) => utils.addJob("bench", data),
    submitMany: (list) =>
      utils.addJobs(list.map((payload) => ({ identifier: "bench", payload }))),
    async work(handler) {
      const worker = { concurrentJobs: CONCURRENT, ...(mode === "default" ? {} : TUNED) };
      const taskList = { bench: async (data) => void handler(data) };
      const noHandleSignals = true;
      runner = await run({ pgPool: pool, logger, taskList, noHandleSignals, preset: { worker } });
    },
    async remaining() {
      const { rows } = await pool.query(
        "select count(*)::int as count from graphile_worker._private_jobs",
      );
      return rows[0].count;
    },
    async settle() {
      await pool.query("vacuum analyze");
      await pool.query("checkpoint");
    },
    async close() {
      await runner?.stop();
      await utils.release();
      await pool.end();
    },
  };
}
