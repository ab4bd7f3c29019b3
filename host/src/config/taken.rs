//! Keys of a plugin's entry that are taken from elsewhere in the configuration (`from`).
//!
//! So a key that means something to the users of one plugin, such as how many workers there are,
//! decides how another is placed, and the host need not know what it means.

use ratchet_plugin_api::nearest;
use serde_json::Value;

use super::origin::Origin;
use super::{PluginEntry, PluginSettings, REPLICAS_MAX, Resolved};
use crate::diagnostic::Diagnostic;

/// The keys that can be taken from elsewhere.
const TAKEABLE: [&str; 3] = ["replicas", "restart", "heartbeat_seconds"];

impl Resolved {
    /// The entry's settings with what is taken from elsewhere. Where the entry says it itself and
    /// in a later layer, that stands.
    ///
    /// # Errors
    /// Every key that cannot be taken, and every value that does not fit.
    pub fn settings_of(&self, entry: &PluginEntry) -> Result<PluginSettings, Vec<Diagnostic>> {
        let mut settings = entry.settings.clone();
        let mut problems = Vec::new();
        for (key, place) in &entry.settings.from {
            let written = format!("{}.from.{key}", entry.key());
            let origin = self.origin(&["plugins", &entry.name, "from", key]);
            if !TAKEABLE.contains(&key.as_str()) {
                let headline = format!("`{key}` cannot be taken from elsewhere");
                let known = TAKEABLE.join(", ");
                let help = match nearest(key, TAKEABLE) {
                    Some(nearest) => format!("did you mean `{nearest}`?"),
                    None => format!("what can be: {known}"),
                };
                problems.push(Diagnostic::error(headline).at(&origin, written).help(help));
                continue;
            }
            let path: Vec<&str> = place.split('.').collect();
            let Some(value) = self.merged.get(&path).filter(|value| !value.is_null()) else {
                continue;
            };
            let (own, taken) = (self.origin(&["plugins", &entry.name, key]), self.origin(&path));
            if rank(&own) > rank(&taken) {
                continue;
            }
            if let Err(expected) = take(&mut settings, key, value) {
                let headline = format!("`{place}` must be {expected}; found {value}");
                let note = format!("it decides `{}.{key}`", entry.key());
                problems.push(Diagnostic::error(headline).at(&taken, place.clone()).note(note));
            }
        }
        if problems.is_empty() { Ok(settings) } else { Err(problems) }
    }
}

/// Which layer something comes from; later ones stand over earlier ones.
fn rank(origin: &Origin) -> u8 {
    match origin {
        Origin::Default => 0,
        Origin::Profile { .. } => 1,
        Origin::File { .. } => 2,
        Origin::Variable(_) => 3,
        Origin::Flag(_) => 4,
    }
}

/// Puts `value` where `key` is; says what would fit if it does not.
fn take(settings: &mut PluginSettings, key: &str, value: &Value) -> Result<(), String> {
    let whole = |most: u64| value.as_u64().filter(|&number| number <= most);
    match key {
        "replicas" => {
            let number = whole(REPLICAS_MAX.into());
            let expected = || format!("a whole number from 0 to {REPLICAS_MAX}");
            settings.replicas = number.ok_or_else(expected)? as u16;
        }
        "restart" => {
            settings.restart = value.as_bool().ok_or("`true` or `false`")?;
        }
        _ => {
            let number = whole(u32::MAX.into()).filter(|&seconds| seconds > 0);
            settings.heartbeat_seconds =
                number.ok_or("a whole number of seconds, at least 1")? as u32;
        }
    }
    Ok(())
}
