//! Closed vocabularies: enums that have one name each way, in every API.

/// Declares an enum of words: one stable name for each variant, further names that are accepted,
/// and an error that names the nearest one for anything else.
macro_rules! vocabulary {
    (
        $(#[$doc:meta])*
        $what:literal $name:ident {
            $($(#[$variant_doc:meta])* $variant:ident = $text:literal $(| $alias:literal)*,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Every word, in order.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The word's name in every API and in the database.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::Error;

            /// Upper and lower case are the same.
            fn from_str(text: &str) -> $crate::Result<Self> {
                let lower = text.to_ascii_lowercase();
                match lower.as_str() {
                    $($text $(| $alias)* => Ok($name::$variant),)*
                    _ => Err($crate::model::unknown_word($what, text, &[$($text,)*])),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(super) use vocabulary;

/// The error for a word that is none of `known`, naming the nearest.
pub(super) fn unknown_word(what: &str, given: &str, known: &[&str]) -> crate::Error {
    let hint = crate::did_you_mean(crate::nearest(given, known.iter().copied()));
    crate::Error::invalid(format!("`{given}` is no {what}; there is: {}{hint}", known.join(", ")))
}
