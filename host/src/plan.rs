//! Decides what is loaded, in which order, and who provides what to whom: a pure function.
//!
//! Plugins depend on services, not on one another. A plugin starts after the providers of what it
//! requires, and of what it wants where they are there and that makes no cycle; otherwise the order
//! of configuration holds, so the same configuration always starts the same way.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use ratchet_plugin_api::manifest::Requirement;
use ratchet_plugin_api::{Cardinality, Manifest};
use serde_json::Value;

use crate::config::settings::PluginSettings;
use crate::config::{Resolved, plugin_name};
use crate::diagnostic::Diagnostic;
use crate::discovery::{Catalogue, Installed};

/// What a plan is made for.
#[derive(Clone, Copy, Debug)]
pub enum Goal<'a> {
    /// Everything that is enabled.
    Everything,
    /// One command of a plugin, and what it needs.
    Command {
        /// The plugin's id.
        plugin: &'a str,
        /// The command's full name.
        command: &'a str,
    },
}

/// What is loaded.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The plugins in the order of starting; stopping is the reverse.
    pub plugins: Vec<Planned>,
    /// Worth telling the user.
    pub warnings: Vec<Diagnostic>,
}

/// One plugin of a plan.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Its name in configuration, for messages.
    pub name: String,
    /// Its manifest: id, provides, requires, wants, concurrency.
    pub manifest: Manifest,
    /// Its file.
    pub file: PathBuf,
    /// Device and inode of the file whose manifest was read; see [`crate::trust::open`].
    pub identity: (u64, u64),
    /// Where it runs, in how many processes, and what those may use.
    pub settings: PluginSettings,
    /// What it is started with: a JSON object.
    pub config: Value,
    /// Plugins of one level can start together; each level waits for those below.
    pub level: usize,
    /// Which provider answers it for each service it requires or wants, where that is decided: the
    /// only one, or the one that `bind` names.
    pub bindings: BTreeMap<String, Provider>,
}

/// A provider of a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Provider {
    /// The plugin's id.
    pub plugin: String,
    /// The instance; empty where the contract has only one.
    pub instance: String,
}

impl Plan {
    /// The plugins that can start together, level by level.
    pub fn levels(&self) -> Vec<Vec<&Planned>> {
        let mut levels: Vec<Vec<&Planned>> = Vec::new();
        for plugin in &self.plugins {
            if levels.len() <= plugin.level {
                levels.resize(plugin.level + 1, Vec::new());
            }
            levels[plugin.level].push(plugin);
        }
        levels
    }
}

/// Works out what to load for `goal`.
///
/// # Errors
/// Every problem at once.
pub fn plan(
    catalogue: &Catalogue,
    resolved: &Resolved,
    goal: Goal<'_>,
) -> Result<Plan, Vec<Diagnostic>> {
    let mut planner = Planner::new(catalogue, resolved);
    planner.problems.extend(catalogue.problems.iter().cloned());
    let chosen = planner.choose(goal);
    let bindings: Vec<_> = chosen.iter().map(|&index| planner.bind(index, &chosen)).collect();
    planner.check_instances(&chosen);
    planner.check_binds();
    let order = planner.order(&chosen);
    let mut plugins = Vec::new();
    for (index, level) in order {
        let plugin = planner.plugins[index];
        let position = chosen.iter().position(|&other| other == index).unwrap_or_default();
        match resolved.of_plugin(&plugin.entry.name, &plugin.manifest) {
            Ok(config) => plugins.push(Planned {
                name: plugin.entry.name.clone(),
                manifest: plugin.manifest.clone(),
                file: plugin.file.clone(),
                identity: plugin.identity,
                settings: plugin.entry.settings.clone(),
                config,
                level,
                bindings: bindings[position].clone(),
            }),
            Err(problems) => planner.problems.extend(problems),
        }
    }
    if !planner.problems.is_empty() {
        return Err(planner.problems);
    }
    let warnings = catalogue.warnings.iter().cloned().chain(planner.warnings).collect();
    Ok(Plan { plugins, warnings })
}

/// The major and minor number of a service's version.
fn version(text: &str) -> (u32, u32) {
    let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
    (major.parse().unwrap_or(0), minor.parse().unwrap_or(0))
}

/// One provider among the enabled plugins.
#[derive(Clone, Copy)]
struct Offer<'a> {
    /// The index of its plugin.
    index: usize,
    provision: &'a ratchet_plugin_api::manifest::Provision,
}

struct Planner<'a> {
    /// All enabled plugins, in the order of configuration.
    plugins: Vec<&'a Installed>,
    catalogue: &'a Catalogue,
    resolved: &'a Resolved,
    problems: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

impl<'a> Planner<'a> {
    fn new(catalogue: &'a Catalogue, resolved: &'a Resolved) -> Self {
        let plugins = catalogue.enabled().collect();
        Self { plugins, catalogue, resolved, problems: Vec::new(), warnings: Vec::new() }
    }

    /// Who offers the service in the major version that is needed.
    fn offers(&self, needed: &Requirement) -> Vec<Offer<'a>> {
        let major = version(&needed.version).0;
        let all = self.plugins.iter().enumerate();
        let offers = all.flat_map(|(index, plugin)| {
            plugin.manifest.provides.iter().map(move |provision| Offer { index, provision })
        });
        let fits = |offer: &Offer<'_>| {
            offer.provision.service == needed.service
                && version(&offer.provision.version).0 == major
        };
        offers.filter(fits).collect()
    }

    /// The plugins to load, in the order of configuration.
    fn choose(&mut self, goal: Goal<'_>) -> Vec<usize> {
        let (plugin, command) = match goal {
            Goal::Everything => return (0..self.plugins.len()).collect(),
            Goal::Command { plugin, command } => (plugin, command),
        };
        let Some(root) = self.plugins.iter().position(|other| other.manifest.id == plugin) else {
            let headline = format!("plugin `{plugin}` of the command `{command}` is not enabled");
            self.problems.push(Diagnostic::error(headline));
            return Vec::new();
        };
        let (mut chosen, mut open) = (BTreeSet::from([root]), vec![root]);
        let own = self.plugins[root].manifest.commands.iter().find(|own| own.name == command);
        let mut needed: Vec<Requirement> = own.map(|own| own.needs.clone()).unwrap_or_default();
        for need in &needed {
            if self.offers(need).is_empty() {
                let diagnostic = self.missing(root, need, &format!("command `{command}`"));
                self.problems.push(diagnostic);
            }
        }
        while let Some(index) = open.pop() {
            let manifest = &self.plugins[index].manifest;
            needed.extend(manifest.requires.iter().chain(&manifest.wants).cloned());
            for need in needed.drain(..) {
                for index in self.answering(index, &need) {
                    if chosen.insert(index) {
                        open.push(index);
                    }
                }
            }
        }
        chosen.into_iter().collect()
    }

    /// The plugins that have to be there for `need`: the one that is bound, or all that offer it.
    fn answering(&self, consumer: usize, need: &Requirement) -> Vec<usize> {
        let offers = self.offers(need);
        let bound = self.bound(consumer, &need.service, &offers);
        let one = |offer: &Offer<'_>| offer.provision.cardinality == Cardinality::One;
        match bound {
            Some(offer) if one(&offer) => vec![offer.index],
            _ => offers.iter().map(|offer| offer.index).collect(),
        }
    }

    /// The offer that configuration binds `consumer` to.
    fn bound(&self, consumer: usize, service: &str, offers: &[Offer<'a>]) -> Option<Offer<'a>> {
        let own = self.plugins[consumer].entry.settings.bind.get(service);
        let named = own.or_else(|| self.resolved.settings.bind.get(service))?;
        offers.iter().find(|offer| self.is_named(offer, named)).copied()
    }

    /// Whether `named`, a plugin's name with an instance or without, means this offer.
    fn is_named(&self, offer: &Offer<'_>, named: &str) -> bool {
        let (plugin, instance) = match named.rsplit_once('/') {
            Some((plugin, instance)) => (plugin, Some(instance)),
            None => (named, None),
        };
        let provider = self.plugins[offer.index];
        let called = provider.manifest.id == plugin || provider.entry.name == plugin_name(plugin);
        called && instance.is_none_or(|instance| instance == offer.provision.instance)
    }

    /// Who answers the plugin for each service. Everything that is missing or ambiguous is a
    /// problem, where the plugin requires it.
    fn bind(&mut self, consumer: usize, chosen: &[usize]) -> BTreeMap<String, Provider> {
        let manifest = &self.plugins[consumer].manifest;
        let mut bindings = BTreeMap::new();
        let commands = manifest.commands.iter().flat_map(|command| &command.needs);
        let required = manifest.requires.iter().map(|need| (need, true));
        let wanted = manifest.wants.iter().chain(commands).map(|need| (need, false));
        for (need, required) in required.chain(wanted) {
            let mut offers = self.offers(need);
            if offers.is_empty() && required {
                let diagnostic = self.missing(consumer, need, "it");
                self.problems.push(diagnostic);
            }
            offers.retain(|offer| chosen.contains(&offer.index));
            self.warn_of_older(consumer, need, &offers);
            let bound = self.bound(consumer, &need.service, &offers);
            match (bound, offers.as_slice()) {
                (Some(offer), _) | (None, &[offer]) => {
                    let plugin = self.plugins[offer.index].manifest.id.clone();
                    let instance = offer.provision.instance.clone();
                    bindings.insert(need.service.clone(), Provider { plugin, instance });
                }
                (None, [first, second, ..]) if first.provision.cardinality == Cardinality::One => {
                    let diagnostic = self.ambiguous(need, first.index, second.index);
                    if !self.problems.contains(&diagnostic) {
                        self.problems.push(diagnostic);
                    }
                }
                _ => {}
            }
        }
        bindings
    }

    fn missing(&self, consumer: usize, need: &Requirement, who: &str) -> Diagnostic {
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

    /// A contract grows by what old providers answer with `unsupported`: worth a word, no more.
    fn warn_of_older(&mut self, consumer: usize, need: &Requirement, offers: &[Offer<'_>]) {
        for offer in offers {
            if version(&offer.provision.version) < version(&need.version) {
                let provider = &self.plugins[offer.index].manifest.id;
                let consumer = &self.plugins[consumer].manifest.id;
                self.warnings.push(
                    Diagnostic::warning(format!(
                        "plugin `{provider}` provides {} {}; `{consumer}` knows {}",
                        need.service, offer.provision.version, need.version
                    ))
                    .note("what came later is answered with `unsupported`"),
                );
            }
        }
    }

    fn ambiguous(&self, need: &Requirement, first: usize, second: usize) -> Diagnostic {
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
    fn check_instances(&mut self, chosen: &[usize]) {
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
    fn check_binds(&mut self) {
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

    /// The order of starting, with levels.
    fn order(&mut self, chosen: &[usize]) -> Vec<(usize, usize)> {
        let before = |needs: &[Requirement], consumer: usize| -> Vec<usize> {
            let all = needs.iter().flat_map(|need| self.answering(consumer, need));
            all.filter(|index| *index != consumer && chosen.contains(index)).collect()
        };
        let mut waiting: Vec<(usize, Vec<usize>, Vec<usize>)> = chosen
            .iter()
            .map(|&index| {
                let manifest = &self.plugins[index].manifest;
                (index, before(&manifest.requires, index), before(&manifest.wants, index))
            })
            .collect();
        let mut levels: BTreeMap<usize, usize> = BTreeMap::new();
        let mut order = Vec::new();
        while !waiting.is_empty() {
            let ready = |needs: &[usize]| needs.iter().all(|index| levels.contains_key(index));
            let next = waiting
                .iter()
                .position(|(_, required, wanted)| ready(required) && ready(wanted))
                .or_else(|| waiting.iter().position(|(_, required, _)| ready(required)));
            let Some(next) = next else {
                let diagnostic = self.cycle(&waiting);
                self.problems.push(diagnostic);
                break;
            };
            let (index, required, wanted) = waiting.remove(next);
            let below = required.iter().chain(&wanted).filter_map(|needed| levels.get(needed));
            let level = below.max().map_or(0, |level| level + 1);
            levels.insert(index, level);
            order.push((index, level));
        }
        order
    }

    /// The path of a cycle among plugins none of which can start.
    fn cycle(&self, waiting: &[(usize, Vec<usize>, Vec<usize>)]) -> Diagnostic {
        let next = |index: usize| {
            let (_, required, _) = waiting.iter().find(|(other, ..)| *other == index)?;
            required.iter().copied().find(|needed| waiting.iter().any(|(i, ..)| i == needed))
        };
        let mut path: Vec<usize> = Vec::new();
        let mut at = waiting.first().map(|(index, ..)| *index);
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
