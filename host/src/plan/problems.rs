//! What is wrong with a plan, in words.

use std::collections::BTreeMap;

use ratchet_plugin_api::manifest::Requirement;
use ratchet_plugin_api::raw::Cardinality;

use super::planner::{Offer, Planner, Waiting, version};
use crate::diagnostic::Diagnostic;

impl Planner<'_> {
    pub(super) fn missing(&self, consumer: usize, need: &Requirement, who: &str) -> Diagnostic {
        let plugin = self.plugins[consumer];
        let (id, service) = (&plugin.manifest.id, &need.service);
        let headline = match who {
            "it" => {
                format!("plugin `{id}` requires {service} {}, which nothing provides", need.version)
            }
            who => format!("{who} needs {service} {}, which nothing provides", need.version),
        };
        let mut diagnostic = Diagnostic::error(headline)
            .file(&plugin.file)
            .at(&plugin.entry.origin, plugin.entry.key());
        let wanted = version(&need.version).0;
        let mut help = None;
        for other in &self.catalogue.plugins {
            let provides = other.manifest.provides.iter().find(|offer| offer.service == *service);
            let Some(offer) = provides else { continue };
            let (name, other_version) = (&other.manifest.id, &offer.version);
            if version(other_version).0 != wanted {
                let age = if version(other_version).0 < wanted { "old" } else { "new" };
                diagnostic =
                    diagnostic.note(format!("`{name}` provides {other_version}, too {age}"));
                help = Some(format!("install a `{name}` that provides {service} {wanted}.x"));
            } else if !other.entry.settings.enabled {
                diagnostic = diagnostic.note(format!("`{name}` provides it but is not enabled"));
                help = Some(format!("set `enabled: true` on `{}`", other.entry.name));
            }
        }
        let absent: Vec<_> =
            self.catalogue.unavailable.iter().map(|entry| entry.name.as_str()).collect();
        if !absent.is_empty() {
            diagnostic = diagnostic.note(format!("not installed: {}", absent.join(", ")));
        }
        diagnostic.help(help.unwrap_or_else(|| "add a plugin that provides it to `plugins`".into()))
    }

    pub(super) fn ambiguous(&self, need: &Requirement, first: usize, second: usize) -> Diagnostic {
        let [first, second] = [first, second].map(|index| self.plugins[index]);
        let (one, other) = (&first.manifest.id, &second.manifest.id);
        Diagnostic::error(format!("both `{one}` and `{other}` provide {}", need.service))
            .file(&second.file)
            .at(&second.entry.origin, second.entry.key())
            .note(format!("the other: {}", first.file.display()))
            .note(format!("   ({}, {})", first.entry.origin, first.entry.key()))
            .help(format!("say which with `bind: {{ {}: {} }}`", need.service, first.entry.name))
    }

    /// Two providers of one instance could not be told apart.
    pub(super) fn check_instances(&mut self, chosen: &[usize]) {
        let mut first: BTreeMap<(&str, u32, &str), usize> = BTreeMap::new();
        for &index in chosen {
            for offer in &self.plugins[index].manifest.provides {
                if offer.cardinality == Cardinality::One {
                    continue;
                }
                let key =
                    (offer.service.as_str(), version(&offer.version).0, offer.instance.as_str());
                if let Some(other) = first.insert(key, index) {
                    let [first, second] = [other, index].map(|index| self.plugins[index]);
                    let (service, instance) = (&offer.service, &offer.instance);
                    let (one, other) = (&first.manifest.id, &second.manifest.id);
                    self.problems.push(
                        Diagnostic::error(format!(
                            "both `{one}` and `{other}` provide {service} as `{instance}`"
                        ))
                        .file(&second.file)
                        .at(&second.entry.origin, second.entry.key())
                        .note(format!("the other: {}", first.file.display()))
                        .help("set `enabled: false` on one of them"),
                    );
                }
            }
        }
    }

    /// A `bind` that names nothing there is a mistake, whoever needs the service.
    pub(super) fn check_binds(&mut self) {
        let general = self.resolved.settings.bind.iter().map(|bind| (None, bind));
        let own = self.plugins.iter().flat_map(|plugin| {
            plugin.entry.settings.bind.iter().map(move |bind| (Some(*plugin), bind))
        });
        let mut problems = Vec::new();
        for (plugin, (service, named)) in general.chain(own) {
            let mut offers = Vec::new();
            for (index, other) in self.plugins.iter().enumerate() {
                let provides = other.manifest.provides.iter();
                offers.extend(
                    provides
                        .filter(|offer| offer.service == *service)
                        .map(|provision| Offer { index, provision }),
                );
            }
            if offers.iter().any(|offer| self.is_named(offer, named)) {
                continue;
            }
            let (origin, key) = match plugin {
                Some(plugin) => {
                    (plugin.entry.origin.clone(), format!("{}.bind", plugin.entry.key()))
                }
                None => (self.resolved.origin(&["bind", service]), "bind".to_owned()),
            };
            let names: Vec<_> =
                offers.iter().map(|offer| self.plugins[offer.index].entry.name.as_str()).collect();
            let help = match names.as_slice() {
                [] => "no enabled plugin provides it".to_owned(),
                names => format!("it is provided by {}", names.join(", ")),
            };
            problems.push(
                Diagnostic::error(format!("`{named}` does not provide {service}"))
                    .at(&origin, format!("{key}.{service}"))
                    .help(help),
            );
        }
        self.problems.extend(problems);
    }

    /// The path of a cycle among plugins none of which can start.
    pub(super) fn cycle(&self, waiting: &[Waiting]) -> Diagnostic {
        let next = |index: usize| {
            let required = &waiting.iter().find(|other| other.index == index)?.required;
            required.iter().copied().find(|needed| waiting.iter().any(|w| w.index == *needed))
        };
        let mut path: Vec<usize> = Vec::new();
        let mut at = waiting.first().map(|first| first.index);
        while let Some(index) = at {
            if let Some(start) = path.iter().position(|&seen| seen == index) {
                path.drain(..start);
                path.push(index);
                break;
            }
            path.push(index);
            at = next(index);
        }
        let names: Vec<_> =
            path.iter().map(|&index| format!("`{}`", self.plugins[index].manifest.id)).collect();
        let start = self.plugins[path[0]];
        let mut diagnostic =
            Diagnostic::error(format!("plugins require each other: {}", names.join(" → ")))
                .file(&start.file)
                .at(&start.entry.origin, start.entry.key());
        for pair in path.windows(2) {
            let [consumer, provider] = [pair[0], pair[1]].map(|index| self.plugins[index]);
            let shared = consumer.manifest.requires.iter().find(|need| {
                provider.manifest.provides.iter().any(|offer| offer.service == need.service)
            });
            if let Some(need) = shared {
                let (consumer, provider) = (&consumer.manifest.id, &provider.manifest.id);
                diagnostic = diagnostic
                    .note(format!("`{consumer}` requires {} of `{provider}`", need.service));
            }
        }
        diagnostic
            .help("disable one of them; a plugin that can do without should want, not require")
    }
}
