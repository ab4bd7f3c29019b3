//! Sizes and alignments of everything the root module reaches, as `abi_stable` tells a loader.

use std::collections::{BTreeSet, HashSet};

use abi_stable::StableAbi as _;
use abi_stable::type_layout::{TLData, TypeLayout};
use ratchet_plugin_api::abi::PluginModuleRef;

/// One line for each type: package, name, size and alignment in bytes.
pub(crate) fn describe() -> String {
    let mut lines = BTreeSet::new();
    let mut seen = HashSet::new();
    let mut waiting = vec![PluginModuleRef::LAYOUT];
    while let Some(layout) = waiting.pop() {
        if !seen.insert(layout.get_utypeid()) {
            continue;
        }
        let (size, alignment) = (layout.size(), layout.alignment());
        let (package, name) = (layout.package(), layout.full_type());
        // References, pointers and markers of std say nothing of their own.
        if package != "std" {
            lines.insert(format!("    {package} {name}: {size} bytes, aligned to {alignment}\n"));
        }
        waiting.extend(parts(layout));
    }
    format!("layouts\n{}", lines.into_iter().collect::<String>())
}

fn parts(layout: &'static TypeLayout) -> Vec<&'static TypeLayout> {
    let fields = match layout.data() {
        TLData::Struct { fields } | TLData::Union { fields } => fields.to_vec(),
        TLData::Enum(variants) => variants.fields.to_vec(),
        TLData::PrefixType(prefix) => prefix.fields.to_vec(),
        TLData::Primitive(_) | TLData::Opaque => Vec::new(),
    };
    let mut parts = Vec::new();
    for field in fields.into_iter().chain(layout.phantom_fields().to_vec()) {
        parts.push(field.layout());
        for function in field.function_range().iter() {
            let values = function.param_type_layouts.iter().chain(function.return_type_layout());
            parts.extend(values.map(|layout| layout()));
        }
    }
    parts
}
