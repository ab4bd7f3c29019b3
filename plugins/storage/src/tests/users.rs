//! Users, keys, sessions and the record on every database.

use ratchet_plugin_api::model::{
    AuditOutcome, FilterOp, Id, Json, Key, ListQuery, NewApiKey, NewAuditEntry, NewSession,
    NewUser, Role, Timestamp, UserPatch,
};
use ratchet_plugin_api::services::UserStore;

use super::{each, reason};
use crate::Storage;

fn user(name: &str, role: Role) -> NewUser {
    NewUser {
        name: name.into(),
        email: Some(format!("{name}@Example.com")),
        display_name: None,
        role,
        password_hash: Some("$argon2id$x".into()),
    }
}

#[tokio::test]
async fn names_are_unique_whatever_the_case_and_an_administrator_stays() {
    each(async |store: &Storage| {
        assert_eq!(store.count().await.unwrap(), 0);
        let alice = store.create(user("Alice", Role::Admin)).await.unwrap();
        assert!(alice.active && alice.has_password);
        assert_eq!(reason(store.create(user("ALICE", Role::Readonly)).await), "user.exists");
        assert_eq!(reason(store.create(user("17", Role::Readonly)).await), "user.bad_name");
        let found = UserStore::get(store, Key::Name("alice".into())).await.unwrap();
        assert_eq!(found, alice);
        for login in ["aLICE", "alice@example.COM"] {
            let known = store.credentials(login.into()).await.unwrap();
            assert_eq!(known.user, alice);
            assert_eq!(known.password_hash.as_deref(), Some("$argon2id$x"));
        }
        let unknown = store.credentials("alicf".into()).await.unwrap_err();
        assert!(!unknown.message.contains("Alice"), "{unknown}");

        let demote = UserPatch { role: Some(Role::Operator), ..UserPatch::default() };
        let refused = store.update(Key::Id(alice.id), demote.clone()).await;
        assert_eq!(reason(refused), "user.last_admin");
        assert_eq!(reason(store.remove(Key::Id(alice.id)).await), "user.last_admin");
        store.create(user("bob", Role::Admin)).await.unwrap();
        let demoted = store.update(Key::Id(alice.id), demote).await.unwrap();
        assert_eq!(demoted.role, Role::Operator);
        let query = ListQuery::default().filter("role", FilterOp::Eq, "admin");
        assert_eq!(UserStore::list(store, query).await.unwrap().items[0].name, "bob");
        store.remove(Key::Name("ALICE".into())).await.unwrap();
        assert_eq!(store.count().await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn keys_prove_who_one_is_until_they_end() {
    each(async |store: &Storage| {
        let service = store.create(user("ci", Role::Service)).await.unwrap();
        let new = |hash: &str, expires_at| NewApiKey {
            user: service.id,
            name: "deploy".into(),
            prefix: "rk_123".into(),
            hash: hash.into(),
            scopes: vec!["task:execute".into()],
            expires_at,
        };
        let key = store.create_key(new("aa", None)).await.unwrap();
        store.create_key(new("bb", Some(Timestamp::from_microseconds(1)))).await.unwrap();
        let principal = store.by_key("aa".into()).await.unwrap();
        assert_eq!(principal.user.id, service.id);
        assert_eq!(principal.key.unwrap().scopes, ["task:execute"]);
        let mine = store.keys(Some(Key::Name("ci".into())), ListQuery::default()).await.unwrap();
        assert_eq!(mine.total, Some(2));
        assert!(mine.items[0].last_used_at.is_some() && mine.items[1].last_used_at.is_none());
        assert_eq!(reason(store.by_key("bb".into()).await), "key.expired");
        assert_eq!(reason(store.by_key("cc".into()).await), "key.unknown");
        assert!(store.revoke_key(Key::Id(key.id)).await.unwrap().revoked_at.is_some());
        assert_eq!(reason(store.by_key("aa".into()).await), "key.revoked");
        let nobody = NewApiKey { user: Id::new(), ..new("dd", None) };
        assert_eq!(reason(store.create_key(nobody).await), "user.not_found");
    })
    .await;
}

#[tokio::test]
async fn sessions_end_by_time_by_hand_and_with_the_password() {
    each(async |store: &Storage| {
        let user = store.create(user("carol", Role::Developer)).await.unwrap();
        let new = |hash: &str, lifetime_ms| NewSession {
            user: user.id,
            hash: hash.into(),
            lifetime_ms,
            client: Some("127.0.0.1".into()),
            user_agent: None,
        };
        let first = store.begin_session(new("s1", 60_000)).await.unwrap();
        store.begin_session(new("s2", 0)).await.unwrap();
        let key = || Key::Id(user.id);
        assert!(UserStore::get(store, key()).await.unwrap().last_login_at.is_some());
        assert_eq!(store.by_session("s1".into()).await.unwrap().session.unwrap(), first);
        assert_eq!(reason(store.by_session("s2".into()).await), "session.expired");
        assert_eq!(store.sessions(key()).await.unwrap(), std::slice::from_ref(&first));
        assert_eq!(store.end_sessions(key(), Some(first.id)).await.unwrap(), 1);
        assert_eq!(reason(store.by_session("s1".into()).await), "session.unknown");

        store.begin_session(new("s3", 60_000)).await.unwrap();
        let patch = UserPatch { password_hash: Some("other".into()), ..UserPatch::default() };
        store.update(key(), patch).await.unwrap();
        assert_eq!(reason(store.by_session("s3".into()).await), "session.unknown");
        let patch = UserPatch { active: Some(false), ..UserPatch::default() };
        store.update(key(), patch).await.unwrap();
        assert_eq!(reason(store.begin_session(new("s4", 1)).await), "user.inactive");
    })
    .await;
}

#[tokio::test]
async fn what_is_on_record_comes_newest_first() {
    each(async |store: &Storage| {
        let entry = |action: &str, outcome| NewAuditEntry {
            time: None,
            user: None,
            actor: "alice".into(),
            action: action.into(),
            target_kind: Some("task".into()),
            target: Some("addition".into()),
            outcome,
            client: None,
            request: None,
            details: Json::from_trusted("{\"n\":1}"),
        };
        let entries = vec![
            entry("task.create", AuditOutcome::Done),
            entry("task.delete", AuditOutcome::Denied),
        ];
        store.record(entries).await.unwrap();
        let all = store.audit(ListQuery::default()).await.unwrap();
        let actions: Vec<&str> = all.items.iter().map(|entry| entry.action.as_str()).collect();
        assert_eq!(actions, ["task.delete", "task.create"]);
        assert_eq!(all.items[0].details.as_str(), "{\"n\":1}");
        let query = ListQuery::default().filter("outcome", FilterOp::Ne, "denied");
        assert_eq!(store.audit(query).await.unwrap().total, Some(1));
    })
    .await;
}
