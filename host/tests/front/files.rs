//! Plugins as files: found by name, trusted, locked. The files are made from a real plugin's.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ratchet_plugin_api::manifest::TARGET;
use tempfile::TempDir;

/// A folder with plugins and a configuration, and the program to try them with.
struct Installation {
    folder: TempDir,
}

/// A shared library with this manifest in its section, made by the assembler and linker that every
/// build of Ratchet needs.
fn library(path: &Path, manifest: &str) {
    let bytes: Vec<String> = manifest.bytes().map(|byte| byte.to_string()).collect();
    assemble(path, &format!(".section .ratchet,\"aR\",@progbits\n.byte {}\n", bytes.join(",")));
}

fn assemble(path: &Path, text: &str) {
    let source = path.with_extension("s");
    fs::write(&source, text).expect("written");
    let made = Command::new("cc")
        .args(["-shared", "-nostdlib", "-o"])
        .arg(path)
        .arg(&source)
        .status()
        .expect("a C compiler");
    assert!(made.success());
    fs::remove_file(&source).expect("removed");
}

fn manifest(id: &str) -> String {
    let value = crate::world::manifest(id, serde_json::json!({}));
    serde_json::to_string(&value).expect("JSON")
}

impl Installation {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("lib")).expect("made");
        let installation = Self { folder };
        installation.configure("plugins: []\n");
        installation
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn configure(&self, plugins: &str) {
        fs::write(self.path("ratchet.yaml"), format!("plugin_dirs: [lib]\n{plugins}"))
            .expect("written");
    }

    fn plugin(&self, file: &str, id: &str) -> PathBuf {
        let path = self.path("lib").join(file);
        library(&path, &manifest(id));
        path
    }

    fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_ratchet"))
            .arg("--config")
            .arg(self.path("ratchet.yaml"))
            .args(args)
            .env_clear()
            .output()
            .expect("the program runs")
    }

    /// What is printed, on either stream, without the names of temporary folders.
    fn text(&self, args: &[&str]) -> (i32, String) {
        let output = self.run(args);
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).expect("text");
        let text = text.replace(&self.folder.path().display().to_string(), "HERE");
        let text = text.replace(TARGET, "TARGET");
        (output.status.code().unwrap_or(-1), text)
    }
}

#[test]
fn plugins_are_found_by_name_id_path_and_in_files_of_other_names() {
    let here = Installation::new();
    here.plugin("libacme_output_s3.so", "acme.output.s3");
    here.plugin("whatever.so", "acme.other");
    here.plugin("libby_path.so", "acme.by-path");
    here.plugin("libunnamed.so", "acme.unnamed");
    here.configure("plugins: [acme.output.s3, acme.other, lib/libby_path.so]\n");
    let (code, text) = here.text(&["plugins", "list"]);
    assert_eq!(code, 0);
    insta::assert_snapshot!(text);
}

#[test]
fn what_is_absent_or_refused_is_reported_where_configuration_names_it() {
    let here = Installation::new();
    fs::write(here.path("lib/libacme_text.so"), "no library").expect("written");
    let later = manifest("acme.later").replace("\"api\":\"1.0.0\"", "\"api\":\"2.1.0\"");
    library(&here.path("lib/libacme_later.so"), &later);
    assemble(&here.path("lib/libacme_bare.so"), ".section .note.x,\"a\"\n.byte 1\n");
    let cut = here.plugin("libacme_cut.so", "acme.cut");
    let whole = fs::read(&cut).expect("read");
    fs::write(&cut, &whole[..whole.len() / 2]).expect("written");
    here.configure(
        "plugins:\n  - acme.absent\n  - acme.text\n  - acme.later\n  - acme.bare\n  - acme.cut\n  \
         - name: archive\n    path: gone.so\n",
    );
    let (code, text) = here.text(&["plugins", "check"]);
    assert_eq!(code, 78);
    insta::assert_snapshot!(text);
    for diagnostic in text.split("\n\n") {
        assert!(diagnostic.trim().lines().count() <= 8, "{diagnostic}");
    }
}

#[test]
fn two_files_of_one_id_are_refused() {
    let here = Installation::new();
    here.plugin("liba.so", "acme.twin");
    here.plugin("libb.so", "acme.twin");
    here.configure("plugins:\n  - lib/liba.so\n  - lib/libb.so\n");
    let (code, text) = here.text(&["plugins", "check"]);
    assert_eq!(code, 78);
    insta::assert_snapshot!(text);
}

#[test]
fn a_command_belongs_to_one_plugin() {
    let here = Installation::new();
    for (id, command) in [("acme.a", "sweep"), ("acme.b", "sweep"), ("acme.c", "plugins list")] {
        let command = serde_json::json!([{"name": command, "summary": "Does it."}]);
        let value = crate::world::manifest(id, serde_json::json!({"commands": command}));
        let file = format!("lib/lib{}.so", id.replace('.', "_"));
        library(&here.path(&file), &serde_json::to_string(&value).expect("JSON"));
    }
    here.configure("plugins: [acme.a, acme.b, acme.c]\n");
    let (code, text) = here.text(&["plugins", "check"]);
    assert_eq!(code, 78);
    insta::assert_snapshot!(text);
}

#[test]
fn files_that_others_can_change_are_refused() {
    let here = Installation::new();
    let file = here.plugin("libacme_open.so", "acme.open");
    here.configure("plugins: [acme.open]\n");
    assert_eq!(here.text(&["plugins", "check"]).0, 0);

    fs::set_permissions(&file, fs::Permissions::from_mode(0o757)).expect("changed");
    let (code, text) = here.text(&["plugins", "check"]);
    assert_eq!(code, 78);
    insta::assert_snapshot!(text);

    let (code, _) = here.text(&["--set", "trust.check_owner=false", "plugins", "check"]);
    assert_eq!(code, 0);

    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("changed");
    fs::set_permissions(here.path("lib"), fs::Permissions::from_mode(0o777)).expect("changed");
    let (code, text) = here.text(&["plugins", "check"]);
    assert_eq!(code, 78);
    assert!(text.contains("HERE/lib is writable for everybody (mode 777)"), "{text}");

    fs::set_permissions(here.path("lib"), fs::Permissions::from_mode(0o755)).expect("changed");
    fs::create_dir(here.path("links")).expect("made");
    symlink(&file, here.path("links/libacme_open.so")).expect("linked");
    fs::set_permissions(here.path("links"), fs::Permissions::from_mode(0o777)).expect("changed");
    here.configure("plugins: [links/libacme_open.so]\n");
    let (code, text) = here.text(&["plugins", "check"]);
    assert_eq!(code, 78);
    assert!(text.contains("HERE/links is writable for everybody (mode 777)"), "{text}");
}

#[test]
fn a_locked_file_must_not_change() {
    let here = Installation::new();
    let file = here.plugin("libacme_pinned.so", "acme.pinned");
    here.configure(
        "plugins: [acme.pinned]\ntrust: {lock_file: plugins.lock, require_lock: true}\n",
    );
    let (code, text) = here.text(&["plugins", "check"]);
    assert_eq!(code, 78);
    assert!(text.contains("the plugin lock HERE/plugins.lock cannot be read"), "{text}");

    let (code, text) = here.text(&["plugins", "lock"]);
    assert_eq!((code, text.as_str()), (0, "1 plugin pinned in HERE/plugins.lock\n"));
    assert_eq!(here.text(&["plugins", "check"]).0, 0);

    let mut bytes = fs::read(&file).expect("read");
    bytes.push(0);
    fs::write(&file, bytes).expect("written");
    let (code, text) = here.text(&["plugins", "check"]);
    assert_eq!(code, 78);
    assert!(text.contains("plugin `acme.pinned` is not the file that was locked"), "{text}");

    here.plugin("libacme_new.so", "acme.new");
    here.configure("plugins: [acme.new]\ntrust: {lock_file: plugins.lock, require_lock: true}\n");
    let (code, text) = here.text(&["plugins", "check"]);
    assert_eq!(code, 78);
    assert!(text.contains("plugin `acme.new` is not in the lock"), "{text}");
}

#[test]
fn configurations_are_generated_shown_and_validated() {
    let here = Installation::new();
    here.plugin("libratchet_js_boa.so", "ratchet.js.boa");
    let folder = format!("plugin_dirs={}", here.path("lib").display());
    for name in ["dev", "production", "minimal", "enterprise", "claude"] {
        let file = here.path(&format!("{name}.yaml"));
        let file = file.to_str().expect("text");
        let (code, text) =
            here.text(&["config", "generate", "--config-type", name, "--output", file]);
        assert_eq!((code, text), (0, format!("wrote HERE/{name}.yaml\n")));
        let (code, text) =
            here.text(&["--set", &folder, "config", "validate", "--config-file", file]);
        assert_eq!((code, text), (0, format!("HERE/{name}.yaml is valid\n")));
    }
    let file = here.path("dev.yaml").display().to_string();
    let (code, text) = here.text(&["config", "generate", "--output", &file]);
    assert_eq!(code, 2);
    assert!(text.contains("help: replace it with --force"), "{text}");

    here.configure("plugins: []\nlogging:\n  level: ${env:LEVEL}\nsandbox: sometimes\n");
    let (code, text) = here.text(&["config", "validate"]);
    assert_eq!(code, 78);
    insta::assert_snapshot!(text);

    here.configure("plugins: []\nlogging:\n  level: debug\n");
    let (code, text) = here.text(&["--set", "sandbox=off", "config", "show", "--origins"]);
    assert_eq!(code, 0);
    let lines: Vec<_> = text
        .lines()
        .filter(|l| l.starts_with("logging.level") || l.starts_with("sandbox"))
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

/// What a plugin that stores things, and one that needs it, say about themselves.
fn store_and_user(here: &Installation) {
    let provides = serde_json::json!([
        {"service": "acme.store", "version": "1.2", "instance": "", "cardinality": "one"},
        {"service": "acme.sink", "version": "1.0", "instance": "disk", "cardinality": "many"},
    ]);
    let need = |version: &str| serde_json::json!([{"service": "acme.store", "version": version}]);
    let options = serde_json::json!({
        "type": "object", "additionalProperties": false, "required": ["all"],
        "properties": {
            "all": {
                "type": "array", "items": {"type": "string"}, "x-positional": true,
                "description": "What to sweep.",
            },
        },
    });
    let config = serde_json::json!({
        "type": "object", "additionalProperties": false, "required": ["depth"],
        "properties": {
            "depth": {
                "type": "integer", "minimum": 1, "maximum": 9, "default": 3,
                "description": "Depth.",
            },
            "limits": {
                "x-section": "limits", "type": "object", "additionalProperties": false,
                "description": "Limits.", "required": [], "x-optional": true,
                "properties": {"rows": {"type": "number", "description": "Rows."}},
            },
        },
    });
    for (id, keys) in [
        ("acme.store", serde_json::json!({"provides": provides})),
        (
            "acme.user",
            serde_json::json!({
                "requires": need("1.0"), "concurrency": 1, "config": config,
                "wants": [{"service": "acme.absent", "version": "1.0"}],
                "commands": [{
                    "name": "sweep", "summary": "Sweeps.", "needs": need("1.1"),
                    "arguments": options,
                }],
            }),
        ),
    ] {
        let value = crate::world::manifest(id, keys);
        let file = format!("lib/lib{}.so", id.replace('.', "_"));
        library(&here.path(&file), &serde_json::to_string(&value).expect("JSON"));
    }
    here.configure("plugins:\n  - acme.user\n  - {name: acme.store, placement: process}\n");
}

#[test]
fn the_graph_shows_who_gets_what_from_whom() {
    let here = Installation::new();
    store_and_user(&here);
    let (code, text) = here.text(&["plugins", "graph"]);
    assert_eq!(code, 0, "{text}");
    insta::assert_snapshot!(text);
    let (code, text) = here.text(&["plugins", "graph", "--dot"]);
    assert_eq!(code, 0, "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn inspect_tells_all_that_a_plugin_says() {
    let here = Installation::new();
    store_and_user(&here);
    let (code, text) = here.text(&["plugins", "inspect", "acme.user"]);
    assert_eq!(code, 0, "{text}");
    insta::assert_snapshot!(text);
    let (code, text) = here.text(&["plugins", "inspect", "acme.usre"]);
    assert_eq!(code, 2);
    assert!(text.contains("did you mean `acme.user`?"), "{text}");
}

/// Damaged files are refused, or read as what they still say; they never crash the host.
#[test]
fn damaged_files_never_crash_the_reader() {
    let here = Installation::new();
    let path = here.plugin("libacme_victim.so", "acme.victim");
    let whole = fs::read(&path).expect("read");
    let header = 64;
    let table = whole.len() - 64 * 16;
    // A linear congruential generator (Knuth's MMIX): the same damage every time.
    let mut state: u64 = 2026;
    let mut random = move |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % below
    };
    let mut refused = 0;
    for round in 0..4000 {
        let mut bytes = whole.clone();
        for _ in 0..=random(4) {
            let at = match round % 3 {
                0 => random(header),
                1 => table + random(bytes.len() - table),
                _ => random(bytes.len()),
            };
            bytes[at] = u8::try_from(random(256)).expect("a byte");
        }
        if round % 5 == 0 {
            bytes.truncate(random(whole.len()));
        }
        let damaged = here.path("damaged.so");
        fs::write(&damaged, &bytes).expect("written");
        let file = fs::File::open(&damaged).expect("opened");
        if let Err(refusal) = ratchet_host::manifest::read(&file, &damaged) {
            refused += 1;
            assert!(refusal.to_string().lines().count() <= 8, "{refusal}");
        }
    }
    assert!(refused > 1000, "only {refused} of 4000 damaged files were refused");
}

#[test]
fn secrets_are_not_shown() {
    let here = Installation::new();
    let config = serde_json::json!({
        "type": "object", "additionalProperties": false, "required": [],
        "properties": {
            "token": {"type": "string", "x-secret": true, "description": "A token."},
            "url": {"type": "string", "description": "An address."},
        },
    });
    let value = crate::world::manifest("acme.secret", serde_json::json!({"config": config}));
    let text = serde_json::to_string(&value).expect("JSON");
    library(&here.path("lib/libacme_secret.so"), &text);
    fs::write(here.path("password"), "hunter2\n").expect("written");
    here.configure(
        "plugins:\n  - name: acme.secret\n    config:\n      token: hunter2\n      \
         url: 'pg://joe:${file:password}@db'\n",
    );
    for args in [&["config", "show"][..], &["config", "show", "--origins", "--format=json"]] {
        let (code, text) = here.text(args);
        assert_eq!(code, 0, "{text}");
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains("(secret)") && text.contains("${file:password}"), "{text}");
    }
    here.configure("plugins:\n  - {name: acme.secret, config: {token: [hunter2]}}\n");
    let (code, text) = here.text(&["config", "validate"]);
    assert_eq!(code, 78);
    assert!(text.contains("`token` must be text") && !text.contains("hunter2"), "{text}");
}

/// Whether all of `part` is in `whole`.
fn contains(whole: &serde_json::Value, part: &serde_json::Value) -> bool {
    match (whole, part) {
        (serde_json::Value::Object(whole), serde_json::Value::Object(part)) => part
            .iter()
            .all(|(key, value)| whole.get(key).is_some_and(|known| contains(known, value))),
        (serde_json::Value::Array(whole), serde_json::Value::Array(part)) => {
            part.iter().all(|item| whole.iter().any(|known| contains(known, item)))
        }
        (whole, part) => whole == part,
    }
}

/// The published schema holds what every plugin declares that has been built here. Where all have
/// been built it holds nothing else.
#[test]
fn the_published_schema_is_up_to_date() {
    let ratchet = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_ratchet")).args(args).env_clear().output();
        String::from_utf8(output.expect("the program runs").stdout).expect("text")
    };
    let published = include_str!("../../../config/schema.json");
    let present = ratchet(&["config", "schema"]);
    let help = "build all plugins and run `ratchet config schema > config/schema.json`";
    if ratchet(&["plugins", "list"]).contains("not installed") {
        let [published, present] =
            [published, &present].map(|text| serde_json::from_str(text).expect("JSON"));
        assert!(contains(&published, &present), "config/schema.json is out of date: {help}");
    } else {
        assert_eq!(published, present, "config/schema.json is out of date: {help}");
    }
}
