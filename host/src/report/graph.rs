//! `ratchet plugins graph`: the plan as text, or in Graphviz's DOT language.

use std::fmt::Write as _;

use crate::config::settings::Placement;
use crate::plan::{Plan, Planned};

/// The levels in the order of starting, with what each plugin gets from whom.
pub(crate) fn text(plan: &Plan) -> String {
    let mut text = String::new();
    for (number, level) in plan.levels().into_iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}. {}", number + 1, if number == 0 { "first" } else { "then" });
        for plugin in level {
            let _ = writeln!(text, "   {}{}", plugin.manifest.id, place(plugin));
            for offer in &plugin.manifest.provides {
                let _ = write!(text, "     provides {} {}", offer.service, offer.version);
                let named = !offer.instance.is_empty() && offer.instance != plugin.manifest.id;
                let _ = match named {
                    true => writeln!(text, " as {}", offer.instance),
                    false => writeln!(text),
                };
            }
            for (verb, service, provider) in needs(plan, plugin) {
                let _ = writeln!(text, "     {verb} {service} from {provider}");
            }
        }
    }
    text
}

/// The same as a graph whose arrows lead from who needs to who provides.
pub(crate) fn dot(plan: &Plan) -> String {
    let mut text = String::from("digraph plugins {\n  rankdir=LR;\n  node [shape=box];\n");
    for plugin in &plan.plugins {
        let id = &plugin.manifest.id;
        let _ = writeln!(text, "  \"{id}\" [label=\"{id}{}\"];", place(plugin));
        for (verb, service, provider) in needs(plan, plugin) {
            let style = if verb == "wants" { ", style=dashed" } else { "" };
            for provider in provider.split(", ").filter(|provider| *provider != NOBODY) {
                let _ =
                    writeln!(text, "  \"{id}\" -> \"{provider}\" [label=\"{service}\"{style}];");
            }
        }
    }
    text.push_str("}\n");
    text
}

const NOBODY: &str = "nobody";

fn place(plugin: &Planned) -> String {
    match plugin.settings.placement {
        Placement::InProcess => String::new(),
        Placement::Process => format!(" (process x{})", plugin.settings.replicas),
    }
}

/// What a plugin requires and wants, and who provides it.
fn needs(plan: &Plan, plugin: &Planned) -> Vec<(&'static str, String, String)> {
    let manifest = &plugin.manifest;
    let required = manifest.requires.iter().map(|need| ("requires", need));
    let wanted = manifest.wants.iter().map(|need| ("wants", need));
    let commands = manifest.commands.iter().flat_map(|command| &command.needs);
    let mut needs = Vec::new();
    for (verb, need) in required.chain(wanted).chain(commands.map(|need| ("uses", need))) {
        let providers = match plugin.bindings.get(&need.service) {
            Some(bound) => bound.plugin.clone(),
            None => providers(plan, &need.service),
        };
        let entry = (verb, need.service.clone(), providers);
        if !needs.iter().any(|(_, service, _)| *service == need.service) {
            needs.push(entry);
        }
    }
    needs
}

fn providers(plan: &Plan, service: &str) -> String {
    let offers =
        |plugin: &&Planned| plugin.manifest.provides.iter().any(|offer| offer.service == service);
    let ids: Vec<_> =
        plan.plugins.iter().filter(offers).map(|plugin| plugin.manifest.id.as_str()).collect();
    if ids.is_empty() { NOBODY.to_owned() } else { ids.join(", ") }
}
