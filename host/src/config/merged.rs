//! All layers in one, with the origin of each value.

use std::collections::BTreeMap;

use figment::value::{Dict, Map as Profiles, Value as Tagged};
use figment::{Figment, Metadata, Profile, Provider};
use serde_json::{Map, Value};

use super::Origin;
use super::layer::Layer;
use super::yaml::KeyPath;
use crate::diagnostic::Diagnostic;

/// All layers in one, with the origin of each value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Merged {
    pub(crate) values: Value,
    origins: BTreeMap<KeyPath, Origin>,
    references: BTreeMap<KeyPath, String>,
}

impl Merged {
    /// Lays shaped layers over one another, later ones on top. Objects are merged, anything else
    /// is replaced.
    pub(crate) fn of(layers: &[Layer]) -> Result<Self, Diagnostic> {
        let mut figment = Figment::new();
        for (index, layer) in layers.iter().enumerate() {
            figment = figment.merge(Numbered { index, layer });
        }
        let failed = |error: figment::Error| Diagnostic::error(error.to_string());
        let tagged = figment.find_value("").map_err(failed)?;
        let mut merged = Self::default();
        merged.values = merged.take(&figment, layers, tagged, &mut Vec::new());
        Ok(merged)
    }

    /// Where the value at `path`, or what it would be part of, comes from.
    pub(crate) fn origin(&self, path: &[String]) -> Origin {
        let own = (0..=path.len()).rev().find_map(|length| self.origins.get(&path[..length]));
        own.cloned().unwrap_or_default()
    }

    /// The value at `path`.
    pub(crate) fn get(&self, path: &[&str]) -> Option<&Value> {
        path.iter().try_fold(&self.values, |value, key| value.get(key))
    }

    /// What stands in the configuration for a value that came from elsewhere.
    pub(crate) fn reference(&self, path: &[String]) -> Option<&str> {
        self.references.get(path).map(String::as_str)
    }

    fn take(
        &mut self,
        figment: &Figment,
        layers: &[Layer],
        tagged: Tagged,
        path: &mut KeyPath,
    ) -> Value {
        let metadata = figment.get_metadata(tagged.tag());
        let layer = metadata.and_then(|metadata| layers.get(metadata.name.parse::<usize>().ok()?));
        if let Some(layer) = layer {
            self.origins.insert(path.clone(), layer.origin(path).clone());
            if let Some(reference) = layer.references.get(path) {
                self.references.insert(path.clone(), reference.clone());
            }
        }
        match tagged {
            Tagged::Dict(_, dict) => {
                let mut map = Map::new();
                for (key, value) in dict {
                    path.push(key.clone());
                    let value = self.take(figment, layers, value, path);
                    path.pop();
                    map.insert(key, value);
                }
                Value::Object(map)
            }
            Tagged::Array(_, items) => {
                let mut list = Vec::new();
                for (index, item) in items.into_iter().enumerate() {
                    path.push(index.to_string());
                    list.push(self.take(figment, layers, item, path));
                    path.pop();
                }
                Value::Array(list)
            }
            Tagged::String(_, text) => Value::String(text),
            Tagged::Char(_, letter) => Value::String(letter.into()),
            Tagged::Bool(_, value) => Value::Bool(value),
            Tagged::Num(_, number) => match (number.to_i128(), number.to_f64()) {
                (Some(whole), _) => i64::try_from(whole).map(Value::from).unwrap_or_default(),
                (None, Some(number)) => Value::from(number),
                (None, None) => number.to_u128().and_then(|n| u64::try_from(n).ok()).into(),
            },
            Tagged::Empty(..) => Value::Null,
        }
    }
}

/// A layer as figment wants it, its number being how its values are recognised afterwards.
struct Numbered<'a> {
    index: usize,
    layer: &'a Layer,
}

impl Provider for Numbered<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.index.to_string())
    }

    fn data(&self) -> Result<Profiles<Profile, Dict>, figment::Error> {
        let dict = match Tagged::serialize(&self.layer.values)? {
            Tagged::Dict(_, dict) => dict,
            _ => Dict::new(),
        };
        Ok(Profile::Default.collect(dict))
    }
}
