//! Which crate may depend on which.

use std::path::PathBuf;

use super::Finding;
use crate::failure::Result;
use crate::process;
use crate::project::{Dependency, HOST, Package, Project};

const API: &str = "ratchet-plugin-api";
const MACROS: &str = "ratchet-plugin-api-macros";
const JSKIT: &str = "ratchet-jskit";
const TASKDIR: &str = "ratchet-taskdir";
const TESTKIT: &str = "ratchet-testkit";

/// What a crate may use of ours: in what it ships, and in its tests besides.
struct Allowed {
    shipped: &'static [&'static str],
    tests: &'static [&'static str],
}

/// Everything that is not named here is a plugin, or as good as one.
fn allowed(package: &Package) -> Allowed {
    match package.name.as_str() {
        "xtask" => Allowed { shipped: &[], tests: &[] },
        MACROS => Allowed { shipped: &[], tests: &[API] },
        API => Allowed { shipped: &[MACROS], tests: &[TESTKIT] },
        // The host's tests run every engine's contract through a process boundary.
        HOST => Allowed { shipped: &[API], tests: &[TESTKIT, JSKIT] },
        JSKIT | TASKDIR | TESTKIT => Allowed { shipped: &[API], tests: &[TESTKIT] },
        name if name.starts_with("ratchet-js-") => {
            Allowed { shipped: &[API, JSKIT], tests: &[TESTKIT] }
        }
        // Its tests make folders and archives the way its own do.
        name if name == "ratchet-taskkit" || name.starts_with("ratchet-registry-") => {
            Allowed { shipped: &[API, TASKDIR], tests: &[TASKDIR, TESTKIT] }
        }
        _ => Allowed { shipped: &[API], tests: &[TESTKIT] },
    }
}

/// Crates that the host may not contain, however deep: it knows nothing of SQL, HTTP or
/// JavaScript. A name that ends in `*` stands for all that start so.
const FOREIGN_TO_HOST: &[&str] = &[
    "sqlx*",
    "sea-*",
    "rusqlite",
    "libsqlite3-sys",
    "diesel*",
    "tokio-postgres",
    "postgres*",
    "reqwest",
    "hyper*",
    "h2",
    "http",
    "axum*",
    "poem*",
    "actix*",
    "ureq*",
    "tungstenite",
    "rustls*",
    "boa_*",
    "rquickjs*",
    "v8",
    "deno_*",
    "async-graphql*",
    "jsonschema",
];

pub(super) fn check(project: &Project) -> Result<Vec<Finding>> {
    Ok(project.packages.iter().flat_map(check_package).collect())
}

fn check_package(package: &Package) -> Vec<Finding> {
    let mut messages = Vec::new();
    let allowed = allowed(package);
    for Dependency { name, kind, .. } in package.dependencies.iter().filter(|found| found.local) {
        let tests = kind.as_deref() == Some("dev") && allowed.tests.contains(&name.as_str());
        if !tests && !allowed.shipped.contains(&name.as_str()) {
            let shipped = match allowed.shipped {
                [] => "no crate of this workspace".to_owned(),
                names => names.join(", "),
            };
            messages.push(format!("a dependency on {name} is banned here, use {shipped}"));
        }
    }
    // The `rlib` is for its own tests and examples: others are kept from it by their dependencies.
    let plugin_kinds: [&[&str]; 2] = [&["cdylib"], &["cdylib", "rlib"]];
    if package.is_plugin() && !plugin_kinds.iter().any(|kinds| package.library_kinds == **kinds) {
        let kinds = &package.library_kinds;
        messages.push(format!(
            "library kinds {kinds:?} are banned for a plugin, use [\"cdylib\"], or [\"cdylib\", \
             \"rlib\"] where its own tests need it"
        ));
    }
    let path = package.folder.join("Cargo.toml");
    let finding = |message| Finding { path: path.clone(), line: 0, message };
    messages.into_iter().map(finding).collect()
}

pub(super) fn check_host_tree(project: &Project) -> Result<Vec<Finding>> {
    let mut cargo = process::cargo(&project.root);
    cargo.args(["tree", "--package", HOST, "--edges", "normal,build", "--prefix", "none"]);
    cargo.args(["--format", "{p}"]);
    Ok(foreign(&process::read(&mut cargo)?))
}

/// The foreign crates in the output of `cargo tree`, one crate a line.
fn foreign(tree: &str) -> Vec<Finding> {
    let mut names: Vec<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    names.sort_unstable();
    names.dedup();
    let is_foreign = |name: &&str| {
        FOREIGN_TO_HOST.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => name == pattern,
        })
    };
    let finding = |name: &str| Finding {
        path: PathBuf::from("host/Cargo.toml"),
        line: 0,
        message: format!("`{name}` is banned in the host, use a plugin (`cargo tree -i {name}`)"),
    };
    names.into_iter().filter(is_foreign).map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, folder: &str, uses: &[(&str, Option<&str>)]) -> Package {
        let dependency = |(name, kind): &(&str, Option<&str>)| Dependency {
            name: (*name).to_owned(),
            kind: kind.map(str::to_owned),
            local: true,
        };
        Package {
            name: name.to_owned(),
            folder: folder.into(),
            dependencies: uses.iter().map(dependency).collect(),
            library_kinds: vec!["cdylib".to_owned()],
            commands: Vec::new(),
            needs: Vec::new(),
        }
    }

    #[test]
    fn a_plugin_uses_the_api_and_in_tests_the_testkit() {
        let uses = [(API, None), (TESTKIT, Some("dev"))];
        assert_eq!(check_package(&package("ratchet-rest", "plugins/rest", &uses)), []);
    }

    #[test]
    fn only_engines_use_the_jskit() {
        let uses = [(API, None), (JSKIT, None)];
        assert_eq!(check_package(&package("ratchet-js-boa", "plugins/js-boa", &uses)), []);
        assert_eq!(check_package(&package("ratchet-rest", "plugins/rest", &uses)).len(), 1);
    }

    #[test]
    fn only_readers_of_task_folders_use_the_taskdir() {
        let uses = [(API, None), (TASKDIR, None), (TASKDIR, Some("dev"))];
        for name in ["ratchet-taskkit", "ratchet-registry-fs"] {
            assert_eq!(check_package(&package(name, "plugins/any", &uses)), [], "{name}");
        }
        assert!(!check_package(&package("ratchet-rest", "plugins/rest", &uses)).is_empty());
    }

    #[test]
    fn nothing_depends_on_a_plugin_nor_ships_the_testkit() {
        for name in ["ratchet-rest", HOST, API, JSKIT, "xtask"] {
            let uses = [("ratchet-storage", None)];
            assert_eq!(check_package(&package(name, "any", &uses)).len(), 1, "{name}");
            let uses = [("ratchet-storage", Some("dev"))];
            assert_eq!(check_package(&package(name, "any", &uses)).len(), 1, "{name}");
            let uses = [(TESTKIT, None)];
            assert_eq!(check_package(&package(name, "any", &uses)).len(), 1, "{name}");
        }
    }

    #[test]
    fn a_plugin_is_a_cdylib_and_an_rlib_only_for_its_own_tests() {
        let mut plugin = package("ratchet-rest", "plugins/rest", &[]);
        plugin.library_kinds.push("rlib".to_owned());
        assert!(check_package(&plugin).is_empty());
        plugin.library_kinds.push("staticlib".to_owned());
        assert!(check_package(&plugin)[0].message.contains("cdylib"));
        plugin.library_kinds = vec!["rlib".to_owned()];
        assert!(check_package(&plugin)[0].message.contains("cdylib"));
    }

    #[test]
    fn foreign_crates_in_the_host_are_found_once() {
        let tree = "ratchet-host v0.1.0\ntokio v1.0.0\nhyper-util v0.1.0\nhyper-util v0.1.0 (*)\n";
        let found = foreign(tree);
        assert_eq!(found.len(), 1);
        assert!(found[0].message.contains("`hyper-util` is banned in the host"));
    }
}
