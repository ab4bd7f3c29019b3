//! The shape of the waist, the contracts and the documents, as their source declares them.

use std::path::Path;

use quote::ToTokens;
use syn::{Attribute, Fields, Item, ItemTrait, TraitItem};

/// The structs, traits and functions whose memory layout is frozen.
pub(crate) fn waist() -> String {
    let mut text = "waist\n".to_owned();
    for item in items("abi") {
        match item {
            Item::Struct(item) if derives(&item.attrs, "StableAbi") => {
                text += &format!("  struct {}\n{}", item.ident, fields(&item.fields));
            }
            Item::Type(item) if item.ident == "Reply" => {
                text += &format!("  type {} = {}\n", item.ident, compact(&item.ty));
            }
            // `growing! { … }`
            Item::Macro(item) if item.mac.path.is_ident("growing") => {
                let item: ItemTrait = item.mac.parse_body().expect("a trait of the waist");
                text += &format!("  trait {}\n{}", item.ident, methods(&item));
            }
            _ => {}
        }
    }
    text
}

/// The contracts with their methods.
pub(crate) fn contracts() -> String {
    let mut text = "contracts\n".to_owned();
    for item in items("services") {
        let Item::Trait(item) = item else { continue };
        let service = item.attrs.iter().find(|attribute| attribute.path().is_ident("service"));
        let service = service.and_then(|attribute| attribute.meta.require_list().ok());
        let declared = service.map(|list| compact(&list.tokens)).unwrap_or_default();
        text += &format!("  {}: {declared}\n{}", item.ident, methods(&item));
    }
    text
}

/// What travels in arguments and results.
pub(crate) fn documents() -> String {
    let mut text = "documents\n".to_owned();
    for item in items("model").into_iter().chain(items("services")) {
        match item {
            Item::Struct(item) if derives(&item.attrs, "Serialize") => {
                let form = serde(&item.attrs);
                text += &format!("  struct {}{form}\n{}", item.ident, fields(&item.fields));
            }
            Item::Enum(item) if derives(&item.attrs, "Serialize") => {
                text += &format!("  enum {}{}\n", item.ident, serde(&item.attrs));
                for variant in item.variants {
                    let inside = compact(&variant.fields);
                    text += &format!("    {}{inside}{}\n", variant.ident, serde(&variant.attrs));
                }
            }
            _ => {}
        }
    }
    text
}

/// The items of all files in a folder of the crate, in the order of the files' names.
fn items(folder: &str) -> Vec<Item> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder);
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("it can be read").path()).collect();
    files.sort();
    let parse = |file: &std::path::PathBuf| {
        let text = std::fs::read_to_string(file).expect("source can be read");
        syn::parse_file(&text).expect("source can be parsed").items
    };
    files.iter().flat_map(parse).collect()
}

fn derives(attributes: &[Attribute], name: &str) -> bool {
    attributes.iter().any(|attribute| {
        let list = attribute.meta.require_list();
        attribute.path().is_ident("derive")
            && list.is_ok_and(|list| {
                list.tokens.to_string().split(',').any(|word| word.trim() == name)
            })
    })
}

/// What is only there in the rehearsal of growth.
fn rehearsed(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| attribute.path().is_ident("cfg"))
}

fn fields(fields: &Fields) -> String {
    let mut text = String::new();
    for (index, field) in fields.iter().enumerate().filter(|(_, field)| !rehearsed(&field.attrs)) {
        let name = field.ident.as_ref().map_or(index.to_string(), ToString::to_string);
        text += &format!("    {name}: {}{}\n", compact(&field.ty), serde(&field.attrs));
    }
    text
}

fn methods(item: &ItemTrait) -> String {
    let methods = item.items.iter().filter_map(|item| match item {
        TraitItem::Fn(method) => Some(method),
        _ => None,
    });
    let describe = |method: &syn::TraitItemFn| {
        let default = if method.default.is_some() { " { … }" } else { "" };
        format!("    {}{default}\n", compact(&method.sig))
    };
    methods.map(describe).collect()
}

/// The serde attributes, which decide about the form in which something travels.
fn serde(attributes: &[Attribute]) -> String {
    let serde = attributes.iter().filter(|attribute| attribute.path().is_ident("serde"));
    serde.map(|attribute| format!("  {}", compact(attribute))).collect()
}

/// Tokens with as little space between them as people write.
fn compact(tokens: &impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string();
    for (spaced, tight) in [
        (" -> ", "→"),
        (" < ", "<"),
        (" >", ">"),
        ("> ", ">"),
        (" :: ", "::"),
        (" :", ":"),
        (" ,", ","),
        ("& ", "&"),
        (" (", "("),
        ("( ", "("),
        (" )", ")"),
        ("# [", "#["),
        (",)", ")"),
        ("→", " -> "),
        (">{", "> {"),
        (">=", "> ="),
    ] {
        text = text.replace(spaced, tight);
    }
    text
}
