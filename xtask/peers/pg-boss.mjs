// pg-boss: `default` polls for one job at a time in eight loops, with no further options; `tuned`
// fetches a thousand at once, goes on at once while batches are full, and is woken by NOTIFY; a
// batch has one result, so it keeps none of a single job.

import { PgBoss } from "pg-boss";

const QUEUE = "bench";

export async function open(place, mode) {
  const tuned = mode === "tuned";
  const boss = new PgBoss({
    connectionString: place,
    max: 16,
    supervise: false,
    schedule: false,
    ...(tuned ? { useListenNotify: true } : {}),
  });
  boss.on("error", (error) => console.error(error));
  await boss.start();
  await boss.createQueue(QUEUE, tuned ? { notify: true } : {});
  return {
    submit: (data) => boss.send(QUEUE, data),
    submitMany: (list) => boss.insert(QUEUE, list.map((data) => ({ data }))),
    work(handler) {
      if (!tuned) {
        return boss.work(QUEUE, { localConcurrency: 8 }, async ([job]) => handler(job.data));
      }
      const options = { batchSize: 1000, burstWhenBatchFull: true };
      return boss.work(QUEUE, options, async (jobs) => {
        for (const job of jobs) handler(job.data);
      });
    },
    async remaining() {
      const { rows } = await boss.getDb().executeSql(
        `select count(*)::int as count from pgboss.job
         where name = '${QUEUE}' and state < 'completed'`,
        [],
      );
      return rows[0].count;
    },
    async settle() {
      await boss.getDb().executeSql("vacuum analyze", []);
      await boss.getDb().executeSql("checkpoint", []);
    },
    close: () => boss.stop({ graceful: false }),
  };
}
