//! The database says by which index it finds the rows of the lists that are asked for most.

use ratchet_plugin_api::model::{FilterOp, ListQuery};
use sea_orm::{ConnectionTrait as _, DbBackend, Statement};

use super::each;
use crate::Storage;
use crate::db::get;
use crate::jobs::JOBS;
use crate::list::fields::{AUDIT, DELIVERIES, EXECUTIONS, KEYS, SCHEDULES, TASKS, USERS};
use crate::list::{Source, list};

const ID: &str = "0197d2f0-5b1c-7000-8000-000000000000";
const TIME: &str = "2026-11-24T05:30:00Z";

/// A filter of one list, by what it is sorted (a minus for the greatest first), and the indices
/// that have to be used.
type Case = (&'static str, FilterOp, &'static str, &'static str, &'static [&'static str]);

/// The primary key, which the two databases call differently.
const NUMBER: &str = "(number)";

const JOB_CASES: &[Case] = &[
    ("id", FilterOp::Eq, ID, "", &["jobs", "job_history"]),
    ("number", FilterOp::Eq, "5", "", &[NUMBER, NUMBER]),
    ("number", FilterOp::Gt, "5", "-number", &[NUMBER, NUMBER]),
    ("task", FilterOp::Eq, ID, "-number", &["jobs_task", "job_history_task"]),
    ("task", FilterOp::Eq, "7", "number", &["jobs_task", "job_history_task"]),
    ("status", FilterOp::Eq, "completed", "-finished_at", &["job_history_finished"]),
    ("status", FilterOp::Eq, "failed", "finished_at", &["job_history_status"]),
    ("status", FilterOp::Eq, "processing", "", &["jobs_had"]),
    ("finished_at", FilterOp::Gt, TIME, "-finished_at", &["job_history_finished"]),
    ("hold", FilterOp::Eq, "not_before", "run_at", &["jobs_delayed"]),
    ("schedule", FilterOp::Eq, ID, "", &["jobs_schedule", "job_history_schedule"]),
    ("batch", FilterOp::Eq, ID, "", &["jobs_batch", "job_history_batch"]),
];

const EXECUTION_CASES: &[Case] = &[
    ("id", FilterOp::Eq, ID, "", &["jobs_execution", "executions"]),
    ("number", FilterOp::Eq, "5", "", &["jobs_execution_number", NUMBER]),
    ("number", FilterOp::Gt, "5", "-number", &["jobs_execution_number", NUMBER]),
    ("job", FilterOp::Eq, ID, "", &["executions_job"]),
    ("task", FilterOp::Eq, ID, "-number", &["jobs_task", "executions_task"]),
    ("status", FilterOp::Eq, "running", "", &["jobs_had"]),
    ("status", FilterOp::Eq, "completed", "-finished_at", &["executions_finished"]),
    ("status", FilterOp::Eq, "failed", "finished_at", &["executions_status"]),
    ("finished_at", FilterOp::Lt, TIME, "-finished_at", &["executions_finished"]),
    ("can_retry", FilterOp::Eq, "true", "number", &[NUMBER]),
    ("has_error", FilterOp::Eq, "true", "-finished_at", &["executions_finished"]),
];

async fn check(store: &Storage, source: &Source, cases: &[Case]) {
    let connection = store.db().unwrap().read();
    let backend = store.db().unwrap().backend();
    for (field, op, value, sort, indices) in cases {
        let mut query = ListQuery { count: false, ..ListQuery::default() };
        query = query.filter(field, *op, value);
        if !sort.is_empty() {
            query = query.sort_by(sort.trim_start_matches('-'), sort.starts_with('-'));
        }
        let page = list(source, &query, backend, 1).unwrap().page.unwrap();
        let explain = match backend {
            DbBackend::Sqlite => "EXPLAIN QUERY PLAN",
            _ => "EXPLAIN",
        };
        let text = format!("{explain} {}", page.sql);
        let values = page.values.unwrap_or_else(|| sea_orm::Values(Vec::new()));
        let statement = Statement::from_sql_and_values(backend, text, values.0);
        let rows = connection.query_all_raw(statement).await.unwrap();
        let column = if backend == DbBackend::Sqlite { 3 } else { 0 };
        let lines: Vec<String> = rows.iter().map(|row| get(row, column).unwrap()).collect();
        let plan = lines.join("\n");
        let told = format!("{field} {op} {value}, sorted by `{sort}`:\n{}\n{plan}", page.sql);
        for index in *indices {
            let used = match (*index, backend) {
                (NUMBER, DbBackend::Sqlite) => {
                    plan.contains("INTEGER PRIMARY KEY") || plan.contains("SCAN x\n")
                }
                (index, DbBackend::Sqlite) => plan.contains(index),
                // Of a few rows, any index is as good as another.
                _ => plan.contains("Index"),
            };
            assert!(used, "not by {index}: {told}");
        }
        let aimless = lines.iter().any(|line| {
            let line = line.trim();
            // Going through all rows in the order of their numbers is by an index too.
            let in_order = sort.trim_start_matches('-') == "number";
            let scan = line.ends_with("SCAN x") && !in_order;
            scan || line.contains("Seq Scan on") && !line.contains("Seq Scan on tasks")
        });
        assert!(!aimless, "reads a whole table: {told}");
    }
}

#[tokio::test]
async fn lists_that_are_asked_for_most_are_found_by_an_index() {
    each(async |store: &Storage| {
        let db = store.db().unwrap();
        if db.backend() == DbBackend::Postgres {
            // A table that is nearly empty is always quickest read as a whole.
            let sql = "ALTER DATABASE {name} SET enable_seqscan = off";
            let row = crate::db::query(db.read(), "SELECT current_database()::text", []).await;
            let name: String = get(&row.unwrap()[0], 0).unwrap();
            db.execute_outside(&sql.replace("{name}", &name)).await.unwrap();
            let again = super::started(&url_of(db.config())).await;
            all(&again).await;
            return;
        }
        all(store).await;
    })
    .await;
}

fn url_of(config: &crate::config::DatabaseConfig) -> String {
    config.url.as_ref().unwrap().reveal().to_owned()
}

async fn all(store: &Storage) {
    check(store, &JOBS, JOB_CASES).await;
    check(store, &EXECUTIONS, EXECUTION_CASES).await;
    let number: &[Case] = &[("number", FilterOp::Eq, "5", "", &[NUMBER])];
    for source in [&TASKS, &SCHEDULES, &DELIVERIES, &USERS, &KEYS, &AUDIT] {
        check(store, source, number).await;
    }
    check(store, &TASKS, &[("name", FilterOp::Eq, "a", "", &["tasks_name"])]).await;
    check(store, &DELIVERIES, &[("execution", FilterOp::Eq, ID, "", &["deliveries_execution"])])
        .await;
    check(store, &DELIVERIES, &[("job", FilterOp::Eq, ID, "", &["deliveries_job"])]).await;
    check(store, &KEYS, &[("user", FilterOp::Eq, ID, "", &["api_keys_owner"])]).await;
    check(store, &AUDIT, &[("user", FilterOp::Eq, ID, "-number", &["audit_log_owner"])]).await;
    let action: &[Case] = &[("action", FilterOp::Eq, "x", "-number", &["audit_log_action"])];
    check(store, &AUDIT, action).await;
    check(store, &AUDIT, &[("time", FilterOp::Gt, TIME, "-time", &["audit_log_time"])]).await;
}
