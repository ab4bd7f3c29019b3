-- The first schema. One text for both databases: {key} is the type of a primary key that is a
-- number, {uuid} that of an id. Times are microseconds since 1970 UTC, documents are JSON as text.

-- Numbers that were given out, by kind. PostgreSQL has sequences for these instead.
-- sqlite only
CREATE TABLE counters (kind TEXT NOT NULL PRIMARY KEY, value BIGINT NOT NULL);
-- postgres only
CREATE SEQUENCE task_number;
-- postgres only
CREATE SEQUENCE job_number;
-- postgres only
CREATE SEQUENCE execution_number;
-- postgres only
CREATE SEQUENCE delivery_number;
-- postgres only
CREATE SEQUENCE schedule_number;
-- postgres only
CREATE SEQUENCE repository_number;
-- postgres only
CREATE SEQUENCE user_number;
-- postgres only
CREATE SEQUENCE api_key_number;
-- postgres only
CREATE SEQUENCE audit_number;

CREATE TABLE tasks (
  number {key},
  id {uuid} NOT NULL UNIQUE,
  name TEXT NOT NULL,
  label TEXT,
  version TEXT NOT NULL,
  description TEXT,
  tags TEXT NOT NULL,
  summary TEXT NOT NULL,
  definition TEXT NOT NULL,
  checksum TEXT NOT NULL,
  revision BIGINT NOT NULL,
  enabled BOOLEAN NOT NULL,
  paused BOOLEAN NOT NULL DEFAULT FALSE,
  paused_since BIGINT,
  paused_until BIGINT,
  pause_reason TEXT,
  repository TEXT,
  path TEXT,
  source_revision TEXT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  validated_at BIGINT,
  removed_at BIGINT
);
CREATE UNIQUE INDEX tasks_name ON tasks (name) WHERE removed_at IS NULL;
CREATE INDEX tasks_origin ON tasks (repository, path) WHERE removed_at IS NULL;
CREATE INDEX tasks_paused_until ON tasks (paused_until) WHERE paused_until IS NOT NULL;

CREATE TABLE task_versions (
  task BIGINT NOT NULL REFERENCES tasks (number),
  revision BIGINT NOT NULL,
  definition TEXT NOT NULL,
  checksum TEXT NOT NULL,
  repository TEXT,
  path TEXT,
  source_revision TEXT,
  note TEXT,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (task, revision)
);

-- Jobs that have not ended, and nothing else: this stays small enough to be quick.
-- status: 0 queued, 1 processing, 2 retrying.
-- hold: 0 none (it is ready), 1 not_before, 2 dependency, 3 limit, 4 task_paused,
-- 5 task_disabled, 6 a host has it.
CREATE TABLE jobs (
  number {key},
  id {uuid} NOT NULL UNIQUE,
  task BIGINT NOT NULL,
  status BIGINT NOT NULL,
  hold BIGINT NOT NULL,
  priority BIGINT NOT NULL,
  rank BIGINT NOT NULL,
  queued_at BIGINT NOT NULL,
  run_at BIGINT NOT NULL,
  expires_at BIGINT,
  started_at BIGINT,
  execution {uuid} NOT NULL,
  execution_number BIGINT NOT NULL,
  attempt BIGINT NOT NULL,
  crashes BIGINT NOT NULL,
  max_retries BIGINT NOT NULL,
  host {uuid},
  cancelling BOOLEAN NOT NULL DEFAULT FALSE,
  cancel_reason TEXT,
  limiter TEXT,
  unique_key TEXT,
  batch {uuid},
  schedule {uuid},
  waiting_for BIGINT NOT NULL DEFAULT 0,
  progress DOUBLE PRECISION,
  progress_message TEXT,
  error_message TEXT,
  error TEXT,
  spec TEXT NOT NULL,
  metadata TEXT,
  input TEXT NOT NULL
);
-- Rows come and go all the time; what is dead has to be cleared away by the number of rows and
-- not by their part of the table.
-- postgres only
ALTER TABLE jobs SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01,
  autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX jobs_ready ON jobs (rank, number) WHERE hold = 0;
CREATE INDEX jobs_delayed ON jobs (run_at) WHERE hold = 1;
CREATE INDEX jobs_limited ON jobs (limiter, rank, number) WHERE hold = 3;
CREATE INDEX jobs_had ON jobs (host) WHERE hold = 6;
CREATE INDEX jobs_task ON jobs (task, number);
CREATE UNIQUE INDEX jobs_execution ON jobs (execution);
CREATE UNIQUE INDEX jobs_execution_number ON jobs (execution_number);
CREATE INDEX jobs_expiring ON jobs (expires_at) WHERE expires_at IS NOT NULL AND hold <> 6;
CREATE INDEX jobs_schedule ON jobs (schedule) WHERE schedule IS NOT NULL;
CREATE INDEX jobs_batch ON jobs (batch) WHERE batch IS NOT NULL;

-- Jobs that have ended. status: 3 completed, 4 failed, 5 cancelled. The output is that of the
-- last execution.
CREATE TABLE job_history (
  number {key},
  id {uuid} NOT NULL UNIQUE,
  task BIGINT NOT NULL,
  status BIGINT NOT NULL,
  priority BIGINT NOT NULL,
  queued_at BIGINT NOT NULL,
  run_at BIGINT NOT NULL,
  expires_at BIGINT,
  started_at BIGINT,
  finished_at BIGINT NOT NULL,
  execution {uuid} NOT NULL,
  attempt BIGINT NOT NULL,
  crashes BIGINT NOT NULL,
  max_retries BIGINT NOT NULL,
  limiter TEXT,
  unique_key TEXT,
  batch {uuid},
  schedule {uuid},
  error_message TEXT,
  error TEXT,
  spec TEXT NOT NULL,
  metadata TEXT,
  input TEXT NOT NULL
);
CREATE INDEX job_history_task ON job_history (task, number);
CREATE INDEX job_history_status ON job_history (status, finished_at) WHERE status <> 3;
CREATE INDEX job_history_finished ON job_history (finished_at);
CREATE INDEX job_history_schedule ON job_history (schedule) WHERE schedule IS NOT NULL;
CREATE INDEX job_history_batch ON job_history (batch) WHERE batch IS NOT NULL;

-- Attempts that have ended; never changed. status: 2 completed, 3 failed, 4 cancelled. Where
-- there is no input it is the job's.
CREATE TABLE executions (
  number {key},
  id {uuid} NOT NULL UNIQUE,
  job BIGINT,
  task BIGINT NOT NULL,
  task_version TEXT,
  status BIGINT NOT NULL,
  attempt BIGINT NOT NULL,
  host {uuid},
  queued_at BIGINT NOT NULL,
  started_at BIGINT,
  finished_at BIGINT NOT NULL,
  duration_us BIGINT,
  waited_us BIGINT,
  progress DOUBLE PRECISION,
  progress_message TEXT,
  logs_dropped BIGINT NOT NULL DEFAULT 0,
  error_class TEXT,
  error_message TEXT,
  error TEXT,
  http TEXT,
  metadata TEXT,
  input TEXT,
  output TEXT
);
CREATE INDEX executions_job ON executions (job);
CREATE INDEX executions_task ON executions (task, number);
CREATE INDEX executions_status ON executions (status, finished_at) WHERE status <> 2;
CREATE INDEX executions_finished ON executions (finished_at);

-- Lines first .. first + lines of an execution's log, as a JSON array.
CREATE TABLE execution_log_chunks (
  execution {uuid} NOT NULL,
  first BIGINT NOT NULL,
  lines BIGINT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (execution, first)
);

-- What jobs still wait for.
CREATE TABLE job_dependencies (
  needs BIGINT NOT NULL,
  job BIGINT NOT NULL,
  runs_after_failure BOOLEAN NOT NULL,
  PRIMARY KEY (needs, job)
);
CREATE INDEX job_dependencies_job ON job_dependencies (job);

-- active: its jobs that are ready or had by a host, ready: those that are ready. tat: the theoretical arrival time of GCRA.
-- next_at: when the rate lets the next of those that wait start.
CREATE TABLE limiters (
  key TEXT NOT NULL PRIMARY KEY,
  concurrency BIGINT,
  rate_count BIGINT,
  rate_period_us BIGINT,
  tat BIGINT NOT NULL DEFAULT 0,
  active BIGINT NOT NULL DEFAULT 0,
  ready BIGINT NOT NULL DEFAULT 0,
  next_at BIGINT
);
CREATE INDEX limiters_next ON limiters (next_at) WHERE next_at IS NOT NULL;

-- Idempotency keys. Without an end they stand until their job has ended.
CREATE TABLE unique_keys (
  key TEXT NOT NULL PRIMARY KEY,
  job {uuid} NOT NULL,
  fingerprint TEXT,
  expires_at BIGINT
);
CREATE INDEX unique_keys_expiring ON unique_keys (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE hosts (
  id {uuid} NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  slots BIGINT NOT NULL,
  version TEXT NOT NULL,
  lease_us BIGINT NOT NULL,
  started_at BIGINT NOT NULL,
  seen_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);

-- Results on their way. status: 0 pending, 1 delivered, 2 failed.
CREATE TABLE deliveries (
  number {key},
  id {uuid} NOT NULL UNIQUE,
  job BIGINT,
  execution {uuid} NOT NULL,
  sink TEXT NOT NULL,
  destination TEXT NOT NULL,
  status BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  host {uuid},
  duration_us BIGINT,
  bytes BIGINT,
  location TEXT,
  error TEXT,
  created_at BIGINT NOT NULL,
  finished_at BIGINT
);
CREATE INDEX deliveries_due ON deliveries (due_at) WHERE status = 0 AND host IS NULL;
CREATE INDEX deliveries_had ON deliveries (host) WHERE host IS NOT NULL;
CREATE INDEX deliveries_job ON deliveries (job);
CREATE INDEX deliveries_execution ON deliveries (execution);

-- One row: whether the whole queue is paused.
CREATE TABLE queue_control (
  id BIGINT NOT NULL PRIMARY KEY,
  paused BOOLEAN NOT NULL,
  paused_since BIGINT,
  paused_until BIGINT,
  pause_reason TEXT
);
INSERT INTO queue_control (id, paused) VALUES (1, FALSE);

CREATE TABLE schedules (
  number {key},
  id {uuid} NOT NULL UNIQUE,
  name TEXT NOT NULL UNIQUE,
  description TEXT,
  task BIGINT NOT NULL,
  enabled BOOLEAN NOT NULL,
  cron_expression TEXT,
  spec TEXT NOT NULL,
  next_run_at BIGINT,
  last_run_at BIGINT,
  last_job {uuid},
  runs BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX schedules_due ON schedules (next_run_at) WHERE enabled;
CREATE INDEX schedules_task ON schedules (task);

CREATE TABLE repositories (
  number {key},
  id {uuid} NOT NULL UNIQUE,
  name TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  uri TEXT NOT NULL,
  branch TEXT,
  enabled BOOLEAN NOT NULL,
  watch BOOLEAN NOT NULL,
  writable BOOLEAN NOT NULL,
  configured BOOLEAN NOT NULL,
  spec TEXT NOT NULL,
  synced_at BIGINT,
  revision TEXT,
  problems TEXT NOT NULL,
  error TEXT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

-- role: 0 admin, 1 developer, 2 operator, 3 readonly, 4 service.
CREATE TABLE users (
  number {key},
  id {uuid} NOT NULL UNIQUE,
  name TEXT NOT NULL,
  email TEXT,
  display_name TEXT,
  role BIGINT NOT NULL,
  password_hash TEXT,
  active BOOLEAN NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  last_login_at BIGINT
);
CREATE UNIQUE INDEX users_name ON users (lower(name));
CREATE UNIQUE INDEX users_email ON users (lower(email));

CREATE TABLE sessions (
  id {uuid} NOT NULL PRIMARY KEY,
  owner {uuid} NOT NULL,
  token_hash TEXT NOT NULL UNIQUE,
  created_at BIGINT NOT NULL,
  last_used_at BIGINT,
  expires_at BIGINT NOT NULL,
  client TEXT,
  user_agent TEXT
);
CREATE INDEX sessions_owner ON sessions (owner);
CREATE INDEX sessions_expiring ON sessions (expires_at);

CREATE TABLE api_keys (
  number {key},
  id {uuid} NOT NULL UNIQUE,
  owner {uuid} NOT NULL,
  name TEXT NOT NULL,
  prefix TEXT NOT NULL,
  key_hash TEXT NOT NULL UNIQUE,
  scopes TEXT NOT NULL,
  expires_at BIGINT,
  revoked_at BIGINT,
  last_used_at BIGINT,
  created_at BIGINT NOT NULL
);
CREATE INDEX api_keys_owner ON api_keys (owner);

-- What was done by whom; never changed. outcome: 0 done, 1 denied, 2 failed.
CREATE TABLE audit_log (
  number {key},
  time BIGINT NOT NULL,
  owner {uuid},
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  target_kind TEXT,
  target TEXT,
  outcome BIGINT NOT NULL,
  client TEXT,
  request TEXT,
  details TEXT
);
CREATE INDEX audit_log_time ON audit_log (time);
CREATE INDEX audit_log_owner ON audit_log (owner, number);
CREATE INDEX audit_log_action ON audit_log (action, number);
