//! Compares what plugins and hosts of all versions must agree on with `plugin-api/abi.snapshot`, so
//! that a change of it is a line of a review and not a surprise in the field.

#![cfg(target_pointer_width = "64")]

mod layouts;
mod shape;

use std::path::Path;

/// Set to write the snapshot anew.
const ACCEPT: &str = "RATCHET_ACCEPT_ABI";

/// What may change, by the section a change is in.
const RULES: &[(&str, &str)] = &[
    (
        "waist",
        "A struct of the waist never changes: plugins that were built with it are in use. A trait \
         grows only at its end, by a method with a default body; `last_prefix_field` stays where \
         it is. Anything else is api 2.0.",
    ),
    (
        "layouts",
        "A size or an alignment that changes, be it of a dependency's type, breaks every plugin \
         there is. A line that is only new comes with a method that was added.",
    ),
    (
        "contracts",
        "A contract grows by a method with a default body, at its end, and then counts its minor \
         version up. A method's name, arguments and result never change; arguments are added as \
         optional fields of a document. Anything else is a new contract.",
    ),
    (
        "documents",
        "A document grows by a field with #[serde(default)], an enum by a variant that old readers \
         are prepared for. A field is never renamed, removed or made to mean something else.",
    ),
];

fn describe() -> String {
    let sections = [shape::waist(), layouts::describe(), shape::contracts(), shape::documents()];
    sections.join("\n")
}

/// The lines of a snapshot, each with its section and what it belongs to there.
fn lines(text: &str) -> Vec<(&str, &str, &str)> {
    let (mut section, mut owner) = ("", "");
    let mut lines = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        match line.len() - line.trim_start().len() {
            0 => (section, owner) = (line, ""),
            2 => owner = line.trim(),
            _ => {}
        }
        lines.push((section, owner, line.trim()));
    }
    lines
}

/// What changed, and the rule for each section in which something did.
fn explain(before: &str, now: &str) -> String {
    let (before, now) = (lines(before), lines(now));
    let mut text = String::new();
    for (section, rule) in RULES {
        let missing = |from: &[(&str, &str, &str)], other: &[(&str, &str, &str)], sign: char| {
            let gone = from.iter().filter(|line| line.0 == *section && !other.contains(line));
            gone.map(|(_, owner, line)| match *owner {
                "" => format!("  {sign} {line}\n"),
                owner => format!("  {sign} {owner}: {line}\n"),
            })
            .collect::<String>()
        };
        let changes = missing(&before, &now, '-') + &missing(&now, &before, '+');
        let within = |lines: &[(&str, &str, &str)]| {
            let section = lines.iter().filter(|line| line.0 == *section);
            section.map(|line| line.2.to_owned()).collect::<Vec<_>>()
        };
        if !changes.is_empty() {
            text += &format!("\n{section}:\n{changes}{rule}\n");
        } else if within(&before) != within(&now) {
            text += &format!("\n{section}: the order changed, and order is part of it.\n{rule}\n");
        }
    }
    text
}

#[test]
fn what_versions_agree_on_is_as_it_was() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("abi.snapshot");
    let now = describe();
    if std::env::var_os(ACCEPT).is_some() {
        std::fs::write(&file, &now).expect("the snapshot can be written");
    }
    let before = std::fs::read_to_string(&file).expect("the snapshot is there");
    assert!(
        before == now,
        "what plugins and hosts agree on was changed (plugin-api/abi.snapshot):\n{}\nIf the rules \
         are kept: {ACCEPT}=1 cargo test -p ratchet-plugin-api --test abi_snapshot",
        explain(&before, &now)
    );
}

#[test]
fn a_change_is_told_with_its_rule() {
    let before =
        "waist\n  trait A\n    fn one()\n    fn two()\n\ncontracts\n  B: id\n    fn go()\n";
    let swapped = before.replace("fn one()\n    fn two()", "fn two()\n    fn one()");
    assert!(explain(before, &swapped).starts_with("\nwaist: the order changed"));
    let grown = before.replace("fn go()", "fn go()\n    fn come()");
    let text = explain(before, &grown);
    assert!(text.starts_with("\ncontracts:\n  + B: id: fn come()\nA contract grows"), "{text}");
    let changed = before.replace("fn two()", "fn two(x: u8)");
    let text = explain(before, &changed);
    assert!(text.contains("- trait A: fn two()\n  + trait A: fn two(x: u8)\nA struct"), "{text}");
    assert_eq!(explain(before, before), "");
}

/// A parser that finds nothing would agree with everything.
#[test]
fn the_description_has_what_matters() {
    let text = describe();
    for line in [
        "  trait HostObject\n    fn bind(&self, service: RStr<'_>, major: u16, instance: RStr<'_>) \
         -> Reply<RawBinding>\n",
        "  trait ServiceObject\n",
        "  trait PluginObject\n",
        "  trait BatchStream\n    fn next(&self, most: u32) -> FfiFuture<Reply<Batch>>\n",
        "  struct CallFrame\n    timeout_us: u64\n",
        "  struct PluginModule\n    create: extern \"C\" fn(host: HostBox) -> Reply<PluginBox>\n",
        "    ratchet-plugin-api CallFrame: ",
        "    ratchet-plugin-api Batch: ",
        "    ratchet-plugin-api RawBinding: ",
        "    async fn check(&self, target: Json) -> Result<()> { … }\n",
        "    job: Option<Id>  #[serde(default)]\n",
    ] {
        assert!(text.contains(line), "{line}\nis not in\n{text}");
    }
    assert!(!text.contains("rehears"), "{text}");
}
