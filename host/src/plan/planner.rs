//! Chooses plugins, binds them to one another and puts them in order.

use std::collections::{BTreeMap, BTreeSet};

use ratchet_plugin_api::manifest::{Provision, Requirement};
use ratchet_plugin_api::raw::Cardinality;

use super::{Goal, Provider};
use crate::config::{Resolved, plugin_name};
use crate::diagnostic::Diagnostic;
use crate::discovery::{Catalogue, Installed};

/// The major and minor number of a service's version.
pub(super) fn version(text: &str) -> (u32, u32) {
    let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
    (major.parse().unwrap_or(0), minor.parse().unwrap_or(0))
}

/// One provider among the enabled plugins.
#[derive(Clone, Copy)]
pub(super) struct Offer<'a> {
    /// The index of its plugin.
    pub(super) index: usize,
    pub(super) provision: &'a Provision,
}

/// A plugin that is not in the order yet, and the plugins it starts after.
pub(super) struct Waiting {
    pub(super) index: usize,
    pub(super) required: Vec<usize>,
    wanted: Vec<usize>,
}

pub(super) struct Planner<'a> {
    /// All enabled plugins, in the order of configuration.
    pub(super) plugins: Vec<&'a Installed>,
    pub(super) catalogue: &'a Catalogue,
    pub(super) resolved: &'a Resolved,
    pub(super) problems: Vec<Diagnostic>,
    pub(super) warnings: Vec<Diagnostic>,
}

impl<'a> Planner<'a> {
    pub(super) fn new(catalogue: &'a Catalogue, resolved: &'a Resolved) -> Self {
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
    pub(super) fn choose(&mut self, goal: Goal<'_>) -> Vec<usize> {
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
    pub(super) fn is_named(&self, offer: &Offer<'_>, named: &str) -> bool {
        let (plugin, instance) = match named.rsplit_once('/') {
            Some((plugin, instance)) => (plugin, Some(instance)),
            None => (named, None),
        };
        let provider = self.plugins[offer.index];
        let called = provider.manifest.id == plugin || provider.entry.name == plugin_name(plugin);
        called && instance.is_none_or(|instance| instance == offer.provision.instance)
    }

    /// Who answers the plugin for each service when it names no instance. Everything that is
    /// missing or ambiguous is a problem, where the plugin requires it.
    pub(super) fn bind(&mut self, consumer: usize, chosen: &[usize]) -> BTreeMap<String, Provider> {
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
                (None, [first, second, ..]) if first.provision.cardinality == Cardinality::One => {
                    let diagnostic = self.ambiguous(need, first.index, second.index);
                    if !self.problems.contains(&diagnostic) {
                        self.problems.push(diagnostic);
                    }
                }
                (None, []) => {}
                (Some(offer), _) | (None, &[offer, ..]) => {
                    let plugin = self.plugins[offer.index].manifest.id.clone();
                    let instance = offer.provision.instance.clone();
                    bindings.insert(need.service.clone(), Provider { plugin, instance });
                }
            }
        }
        bindings
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

    /// The order of starting, with levels.
    pub(super) fn order(&mut self, chosen: &[usize]) -> Vec<(usize, usize)> {
        let before = |needs: &[Requirement], consumer: usize| -> Vec<usize> {
            let all = needs.iter().flat_map(|need| self.answering(consumer, need));
            all.filter(|index| *index != consumer && chosen.contains(index)).collect()
        };
        let mut waiting: Vec<Waiting> = chosen
            .iter()
            .map(|&index| {
                let manifest = &self.plugins[index].manifest;
                let required = before(&manifest.requires, index);
                let mut wanted = before(&manifest.wants, index);
                // What its commands need ends after it too, where it is there.
                for command in &manifest.commands {
                    wanted.extend(before(&command.needs, index));
                }
                Waiting { index, required, wanted }
            })
            .collect();
        let mut levels: BTreeMap<usize, usize> = BTreeMap::new();
        let mut order = Vec::new();
        while !waiting.is_empty() {
            let ready = |needs: &[usize]| needs.iter().all(|index| levels.contains_key(index));
            let next = waiting
                .iter()
                .position(|next| ready(&next.required) && ready(&next.wanted))
                .or_else(|| waiting.iter().position(|next| ready(&next.required)));
            let Some(next) = next else {
                let diagnostic = self.cycle(&waiting);
                self.problems.push(diagnostic);
                break;
            };
            let Waiting { index, required, wanted } = waiting.remove(next);
            let below = required.iter().chain(&wanted).filter_map(|needed| levels.get(needed));
            let level = below.max().map_or(0, |level| level + 1);
            levels.insert(index, level);
            order.push((index, level));
        }
        order
    }
}
