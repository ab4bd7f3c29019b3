//! Subcommand: cargo xtask new-plugin KIND ID [--path DIR]

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Subcommand;
use crate::failure::{Failure, Result, While};
use crate::process;
use crate::project::Project;

pub(crate) const SUBCOMMAND: Subcommand = Subcommand {
    name: "new-plugin",
    usage: "KIND ID [--path DIR]",
    summary: "Writes a new plugin that builds and passes its tests; KIND is `output` or `empty`",
    run,
};

/// The source of a plugin of one kind.
struct Kind {
    name: &'static str,
    source: &'static str,
}

const KINDS: &[Kind] = &[
    Kind { name: "output", source: include_str!("../templates/output.rs") },
    Kind { name: "empty", source: include_str!("../templates/empty.rs") },
];

fn run(project: &Project, arguments: Vec<String>) -> Result {
    let (kind, id, path) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [kind, id] => (kind, id, None),
        [kind, id, "--path", path] | ["--path", path, kind, id] => (kind, id, Some(path)),
        _ => return Err(Failure::usage(format!("new-plugin {}", SUBCOMMAND.usage))),
    };
    let known = || KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>().join(" and ");
    let kind = KINDS
        .iter()
        .find(|known| known.name == kind)
        .ok_or_else(|| Failure::usage(format!("no kind `{kind}`; there are {}", known())))?;
    let plugin = NewPlugin::named(id)?;
    let folder = match path {
        Some(path) => std::path::absolute(path).while_doing(format!("finding {path}"))?,
        None => project.root.join("plugins").join(plugin.crate_name.trim_start_matches("ratchet-")),
    };
    plugin.write(kind, &folder, &project.root)?;
    // How lines break depends on the names in them. Unformatted source is still right.
    let mut rustfmt = Command::new("rustfmt");
    rustfmt.args(["--edition", "2024"]).arg(folder.join("src/lib.rs"));
    if let Err(failure) = process::run(&mut rustfmt) {
        eprintln!("not formatted: {}", failure.message);
    }
    eprintln!("wrote {}", folder.display());
    eprintln!("next: cargo test --manifest-path {}", folder.join("Cargo.toml").display());
    Ok(())
}

/// A plugin that is about to be.
struct NewPlugin<'a> {
    id: &'a str,
    /// Such as `acme-output-s3`.
    crate_name: String,
    /// The last word of the id, such as `s3`.
    short_name: &'a str,
    /// The name of its type, such as `S3`.
    type_name: String,
}

impl<'a> NewPlugin<'a> {
    fn named(id: &'a str) -> Result<Self> {
        let words: Vec<_> = id.split(['.', '-']).collect();
        let fits = |word: &&str| {
            word.starts_with(|first: char| first.is_ascii_lowercase())
                && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        };
        let Some((_, short_name)) = id.rsplit_once('.').filter(|_| words.iter().all(fits)) else {
            return Err(Failure::usage(format!(
                "`{id}` is not an id: it takes two or more words of lower-case letters, digits and \
                 hyphens joined by dots, such as `acme.output.s3`"
            )));
        };
        let capitalised = short_name.split('-').map(|word| word[..1].to_uppercase() + &word[1..]);
        Ok(Self {
            id,
            crate_name: id.replace('.', "-"),
            short_name,
            type_name: capitalised.collect(),
        })
    }

    /// Writes the crate into `folder`, which must not exist.
    fn write(&self, kind: &Kind, folder: &Path, root: &Path) -> Result {
        if folder.exists() {
            return Err(Failure::usage(format!("{} exists already", folder.display())));
        }
        let manifest = if folder.parent() == Some(&root.join("plugins")) {
            self.manifest_in_tree()
        } else {
            self.manifest_out_of_tree(&relative(root, folder))
        };
        let writing = format!("writing {}", folder.display());
        std::fs::create_dir_all(folder.join("src")).while_doing(&writing)?;
        std::fs::write(folder.join("Cargo.toml"), manifest).while_doing(&writing)?;
        std::fs::write(folder.join("src/lib.rs"), self.render(kind.source)).while_doing(&writing)
    }

    fn render(&self, template: &str) -> String {
        template
            .replace("acme.kind.template", self.id)
            .replace("template-name", self.short_name)
            .replace("Template", &self.type_name)
    }

    fn manifest_in_tree(&self) -> String {
        self.render_manifest(include_str!("../templates/in-tree.toml"), "")
    }

    fn manifest_out_of_tree(&self, root: &Path) -> String {
        let root = root.to_string_lossy();
        self.render_manifest(include_str!("../templates/out-of-tree.toml"), &root)
    }

    fn render_manifest(&self, template: &str, root: &str) -> String {
        template.replace("template-crate", &self.crate_name).replace("template-root", root)
    }
}

/// The way to `to` from `from`, with `..` where they are related, so that a checkout can move.
fn relative(to: &Path, from: &Path) -> PathBuf {
    let shared = to.iter().zip(from.iter()).take_while(|(one, other)| one == other).count();
    if shared <= 1 {
        return to.to_owned();
    }
    let up = from.iter().skip(shared).map(|_| "..");
    up.map(AsRef::as_ref).chain(to.iter().skip(shared)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_from_the_id() {
        let plugin = NewPlugin::named("acme.output.cold-store").expect("a good id");
        assert_eq!(plugin.crate_name, "acme-output-cold-store");
        assert_eq!(plugin.short_name, "cold-store");
        assert_eq!(plugin.type_name, "ColdStore");
    }

    #[test]
    fn bad_ids_are_refused_with_an_example() {
        for id in ["", "acme", "Acme.output", "acme..s3", "acme.3s", "acme.out_put", "acme.-"] {
            let failure = NewPlugin::named(id).err().expect(id);
            assert!(failure.message.contains("such as `acme.output.s3`"), "{id}");
        }
    }

    #[test]
    fn nothing_of_a_template_is_left_in_a_plugin() {
        let plugin = NewPlugin::named("acme.output.s3").expect("a good id");
        for kind in KINDS {
            let source = plugin.render(kind.source);
            assert!(source.contains("id: \"acme.output.s3\""), "{}", kind.name);
            assert!(!source.to_lowercase().contains("template"), "{}", kind.name);
        }
        for manifest in [plugin.manifest_in_tree(), plugin.manifest_out_of_tree("..".as_ref())] {
            assert!(manifest.contains("name = \"acme-output-s3\""));
            assert!(!manifest.contains("template"), "{manifest}");
        }
    }

    #[test]
    fn the_way_to_the_api_is_relative_where_it_can_be() {
        let way = |to: &str, from: &str| relative(to.as_ref(), from.as_ref());
        assert_eq!(way("/a/ratchet", "/a/ratchet/sample/x"), Path::new("../.."));
        assert_eq!(way("/a/ratchet", "/a/s3"), Path::new("../ratchet"));
        assert_eq!(way("/a/ratchet", "/b/s3"), Path::new("/a/ratchet"));
    }
}
