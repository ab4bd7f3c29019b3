//! Names that some part of the code may not use, each with what to use instead.

use super::Finding;
use super::sources::SourceFile;

struct Ban {
    /// Path prefixes where it holds; empty for everywhere.
    within: &'static [&'static str],
    /// Path prefixes where it does not.
    except: &'static [&'static str],
    /// Code that is banned, as it is written.
    names: &'static [&'static str],
    /// What to use, and why where that is not plain.
    instead: &'static str,
}

/// Code that runs in a plugin's file.
const PLUGIN_CODE: &[&str] = &["plugins/", "plugin-api/src/", "plugin-api/jskit/", "sample/"];

const BANS: &[Ban] = &[
    Ban {
        within: PLUGIN_CODE,
        except: &[],
        names: &["println!", "print!", "std::io::stdout", "io::stdout"],
        instead: "`Context::print`; standard output is the host's",
    },
    Ban {
        within: PLUGIN_CODE,
        // The contract is test code: should a case take the process along, its name is the clue.
        except: &["plugin-api/jskit/src/contract/"],
        names: &["eprintln!", "eprint!"],
        instead: "`tracing`; standard error is where the host's log goes",
    },
    Ban {
        within: PLUGIN_CODE,
        except: &[],
        names: &["process::exit", "process::abort", "atexit"],
        instead: "an `Error`; only the host ends the process",
    },
    Ban {
        within: PLUGIN_CODE,
        except: &[],
        names: &["set_var", "remove_var", "set_current_dir"],
        instead: "configuration; the environment and the working directory are the host's",
    },
    Ban {
        within: PLUGIN_CODE,
        except: &["plugin-api/src/bridge.rs"],
        names: &["set_global_default", "tracing_subscriber::fmt"],
        instead: "`tracing` macros; plugin-api carries them to the host's log",
    },
    Ban {
        within: PLUGIN_CODE,
        except: &[],
        names: &["tokio::signal", "signal_hook"],
        instead: "`Plugin::stop`; signals are the host's",
    },
    Ban {
        within: PLUGIN_CODE,
        except: &[],
        names: &["global_allocator"],
        instead: "the system's allocator; a second one exhausts the loader's static TLS",
    },
    Ban {
        within: PLUGIN_CODE,
        except: &[],
        names: &["ctor", "dtor"],
        instead: "`Plugin::start` and `stop`; loading a file must run nothing",
    },
    Ban {
        within: &[],
        except: &["plugin-api/src/abi/", "host/src/load.rs"],
        names: &["abi_stable", "async_ffi", "into_ffi"],
        instead: "the plain Rust types of `ratchet_plugin_api`; abi_stable is quarantined",
    },
    Ban {
        within: &[],
        except: &[],
        names: &["todo!", "unimplemented!", "dbg!"],
        instead: "finished code",
    },
    Ban {
        within: &[],
        except: &[],
        names: &[".unwrap()"],
        instead: "`?`, or `expect` with why it cannot fail",
    },
];

pub(super) fn check(file: &SourceFile) -> Vec<Finding> {
    let path = file.path.to_string_lossy();
    let covers = |prefixes: &[&str]| prefixes.iter().any(|prefix| path.starts_with(prefix));
    let mut findings = Vec::new();
    for ban in BANS {
        if covers(ban.except) || !(ban.within.is_empty() || covers(ban.within)) {
            continue;
        }
        for (number, line) in file.shipped_lines() {
            if let Some(name) = ban.names.iter().find(|name| uses(line, name)) {
                let message = format!("`{name}` is banned here, use {}", ban.instead);
                findings.push(file.finding(number, message));
            }
        }
    }
    findings
}

/// Whether `line` has `name` as code of its own, not as a part of a longer word.
pub(super) fn uses(line: &str, name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(name).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + name.len()..].chars().next();
        let opens = !name.starts_with(word) || !before.is_some_and(word);
        let closes = !name.ends_with(word) || !after.is_some_and(word);
        opens && closes
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<String> {
        let findings = check(&SourceFile::new(path, text));
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_ban_is_enforced_where_it_holds() {
        for ban in BANS {
            let folder = ban.within.first().unwrap_or(&"host/src/");
            for name in ban.names {
                let path = format!("{folder}x.rs");
                let found = lines(&path, &format!("//! A.\nfn f() {{ x{name}; {name}; }}\n"));
                assert!(found.iter().any(|line| line.contains(name)), "{name} is not found");
                assert!(found[0].starts_with(&format!("{path}:2: error: `")), "{}", found[0]);
            }
        }
    }

    #[test]
    fn bans_spare_the_places_that_need_the_name() {
        assert!(lines("host/src/load.rs", "use abi_stable::library;").is_empty());
        assert!(!lines("host/src/plan.rs", "use abi_stable::library;").is_empty());
        assert!(lines("xtask/src/run.rs", "eprintln!();").is_empty());
    }

    #[test]
    fn bans_spare_comments_strings_tests_and_longer_words() {
        for text in [
            "// println!",
            "let x = \"println!\";",
            "#[cfg(test)]\nmod tests { fn f() { x.unwrap() } }",
            "let ctors = 1; let constructor = 2;",
            "sprintln!();",
        ] {
            assert_eq!(lines("plugins/a/src/lib.rs", text), [""; 0], "{text}");
        }
    }
}
