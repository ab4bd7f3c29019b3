//! Renders a manifest as JSON while a plugin is compiled.
//!
//! Everything here runs in constant evaluation, where there is neither allocation nor a trait
//! object: a `Writer` first counts the bytes, then fills an array of that size.

use crate::manifest::{API_VERSION, COMPILER, TARGET};
use crate::schema::{Argument, Choice, Field, Schema};
use crate::service::{Cardinality, Declaration};

/// A manifest before it is text.
pub struct ManifestSource {
    /// See [`Manifest`](crate::manifest::Manifest), as for every field.
    pub id: &'static str,
    /// The plugin's version.
    pub version: &'static str,
    /// What it is for.
    pub summary: &'static str,
    /// `unwind` or `abort`.
    pub panic: &'static str,
    /// Contracts offered, with instance names.
    pub provides: &'static [(Declaration, &'static str)],
    /// Contracts required.
    pub requires: &'static [Declaration],
    /// Contracts wanted.
    pub wants: &'static [Declaration],
    /// Shell commands.
    pub commands: &'static [CommandSource],
    /// Calls one instance can answer at once; 0 for any number.
    pub concurrency: u32,
    /// The configuration.
    pub config: &'static Schema,
}

/// A command before it is text.
pub struct CommandSource {
    /// Its words.
    pub name: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// Contracts it needs.
    pub needs: &'static [Declaration],
    /// Whether it runs until told to stop.
    pub serves: bool,
    /// Its arguments.
    pub arguments: &'static Schema,
}

/// The length of the manifest's text.
pub const fn length(source: &ManifestSource) -> usize {
    let mut counter = Writer::<0> { bytes: [], length: 0 };
    counter.manifest(source);
    counter.length
}

/// The manifest's text, `N` being its [`length`].
pub const fn render<const N: usize>(source: &ManifestSource) -> [u8; N] {
    let mut writer = Writer::<N> { bytes: [0; N], length: 0 };
    writer.manifest(source);
    assert!(writer.length == N, "the manifest's length was counted wrong");
    writer.bytes
}

struct Writer<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Writer<N> {
    const fn byte(&mut self, byte: u8) {
        if self.length < N {
            self.bytes[self.length] = byte;
        }
        self.length += 1;
    }

    const fn raw(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut index = 0;
        while index < bytes.len() {
            self.byte(bytes[index]);
            index += 1;
        }
    }

    const fn string(&mut self, text: &str) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        self.byte(b'"');
        let bytes = text.as_bytes();
        let mut index = 0;
        while index < bytes.len() {
            match bytes[index] {
                b'"' => self.raw("\\\""),
                b'\\' => self.raw("\\\\"),
                b'\n' => self.raw("\\n"),
                byte if byte < 0x20 => {
                    self.raw("\\u00");
                    self.byte(HEX[(byte >> 4) as usize]);
                    self.byte(HEX[(byte & 15) as usize]);
                }
                byte => self.byte(byte),
            }
            index += 1;
        }
        self.byte(b'"');
    }

    const fn number(&mut self, number: i64) {
        let mut digits = [0_u8; 20];
        let mut count = 0;
        let mut rest = number.unsigned_abs();
        loop {
            digits[count] = b'0' + (rest % 10) as u8;
            rest /= 10;
            count += 1;
            if rest == 0 {
                break;
            }
        }
        if number < 0 {
            self.byte(b'-');
        }
        while count > 0 {
            count -= 1;
            self.byte(digits[count]);
        }
    }

    const fn key(&mut self, key: &str) {
        self.string(key);
        self.byte(b':');
    }

    const fn member(&mut self, key: &str, value: &str) {
        self.key(key);
        self.string(value);
        self.byte(b',');
    }

    const fn manifest(&mut self, source: &ManifestSource) {
        self.byte(b'{');
        self.member("id", source.id);
        self.member("version", source.version);
        self.member("api", API_VERSION);
        self.member("target", TARGET);
        self.member("panic", source.panic);
        self.member("compiler", COMPILER);
        self.member("summary", source.summary);
        self.key("provides");
        self.provisions(source.provides);
        self.raw(",");
        self.key("requires");
        self.requirements(source.requires);
        self.raw(",");
        self.key("wants");
        self.requirements(source.wants);
        self.raw(",");
        self.key("commands");
        self.commands(source.commands);
        self.raw(",");
        if source.concurrency > 0 {
            self.key("concurrency");
            self.number(source.concurrency as i64);
            self.raw(",");
        }
        self.key("config");
        self.schema(source.config);
        self.raw("}\n");
    }

    const fn version(&mut self, declared: &Declaration) {
        self.key("version");
        self.byte(b'"');
        self.number(declared.major as i64);
        self.byte(b'.');
        self.number(declared.minor as i64);
        self.byte(b'"');
    }

    const fn provisions(&mut self, provides: &[(Declaration, &str)]) {
        self.byte(b'[');
        let mut index = 0;
        while index < provides.len() {
            if index > 0 {
                self.byte(b',');
            }
            let (declared, instance) = &provides[index];
            self.byte(b'{');
            self.member("service", declared.id);
            self.version(declared);
            self.byte(b',');
            self.member("instance", instance);
            self.key("cardinality");
            match declared.cardinality {
                Cardinality::One => self.string("one"),
                Cardinality::Many => self.string("many"),
            }
            self.byte(b'}');
            index += 1;
        }
        self.byte(b']');
    }

    const fn requirements(&mut self, needs: &[Declaration]) {
        self.byte(b'[');
        let mut index = 0;
        while index < needs.len() {
            if index > 0 {
                self.byte(b',');
            }
            self.byte(b'{');
            self.member("service", needs[index].id);
            self.version(&needs[index]);
            self.byte(b'}');
            index += 1;
        }
        self.byte(b']');
    }

    const fn commands(&mut self, commands: &[CommandSource]) {
        self.byte(b'[');
        let mut index = 0;
        while index < commands.len() {
            if index > 0 {
                self.byte(b',');
            }
            let command = &commands[index];
            self.byte(b'{');
            self.member("name", command.name);
            self.member("summary", command.summary);
            self.key("needs");
            self.requirements(command.needs);
            if command.serves {
                self.raw(",\"serves\":true");
            }
            self.raw(",");
            self.key("arguments");
            self.schema(command.arguments);
            self.byte(b'}');
            index += 1;
        }
        self.byte(b']');
    }

    const fn schema(&mut self, schema: &Schema) {
        self.byte(b'{');
        self.keywords(schema);
        self.byte(b'}');
    }

    /// The keywords of a schema, without the braces, so that a field can add its own.
    const fn keywords(&mut self, schema: &Schema) {
        match schema {
            Schema::Any => {}
            Schema::Boolean => self.raw("\"type\":\"boolean\""),
            Schema::Number => self.raw("\"type\":\"number\""),
            Schema::Text => self.raw("\"type\":\"string\""),
            Schema::Secret => self.raw("\"type\":\"string\",\"x-secret\":true"),
            Schema::Integer { minimum, maximum } => {
                self.raw("\"type\":\"integer\",\"minimum\":");
                self.number(*minimum);
                if let Some(maximum) = maximum {
                    self.raw(",\"maximum\":");
                    self.number(*maximum);
                }
            }
            Schema::List(items) => {
                self.raw("\"type\":\"array\",\"items\":");
                self.schema(items);
            }
            Schema::Map(values) => {
                self.raw("\"type\":\"object\",\"additionalProperties\":");
                self.schema(values);
            }
            Schema::Optional(inner) => {
                self.keywords(inner);
                if !matches!(inner, Schema::Any) {
                    self.byte(b',');
                }
                self.raw("\"x-optional\":true");
            }
            Schema::Choice(choices) => self.choices(choices),
            Schema::Object(fields) => self.object(fields),
            Schema::Either(schemas) => {
                self.raw("\"anyOf\":[");
                let mut index = 0;
                while index < schemas.len() {
                    if index > 0 {
                        self.byte(b',');
                    }
                    self.schema(schemas[index]);
                    index += 1;
                }
                self.byte(b']');
            }
        }
    }

    const fn choices(&mut self, choices: &[Choice]) {
        self.raw("\"oneOf\":[");
        let mut index = 0;
        while index < choices.len() {
            if index > 0 {
                self.byte(b',');
            }
            self.raw("{\"const\":");
            self.string(choices[index].name);
            if !choices[index].help.is_empty() {
                self.raw(",\"description\":");
                self.string(choices[index].help);
            }
            self.byte(b'}');
            index += 1;
        }
        self.byte(b']');
    }

    const fn object(&mut self, fields: &[Field]) {
        self.raw("\"type\":\"object\",\"additionalProperties\":false,\"properties\":{");
        let mut index = 0;
        while index < fields.len() {
            if index > 0 {
                self.byte(b',');
            }
            self.field(&fields[index]);
            index += 1;
        }
        self.raw("},\"required\":[");
        let (mut index, mut first) = (0, true);
        while index < fields.len() {
            if fields[index].required {
                if !first {
                    self.byte(b',');
                }
                self.string(fields[index].name);
                first = false;
            }
            index += 1;
        }
        self.byte(b']');
    }

    const fn field(&mut self, field: &Field) {
        self.key(field.name);
        self.raw("{\"description\":");
        self.string(field.help);
        if !field.default.is_empty() {
            self.raw(",\"default\":");
            self.raw(field.default);
        }
        if !field.section.is_empty() {
            self.raw(",\"x-section\":");
            self.string(field.section);
        }
        if !field.alias.is_empty() {
            self.raw(",\"x-alias\":");
            self.string(field.alias);
        }
        self.argument(&field.argument);
        if !matches!(field.schema, Schema::Any) {
            self.byte(b',');
            self.keywords(field.schema);
        }
        self.byte(b'}');
    }

    const fn argument(&mut self, argument: &Argument) {
        if argument.positional {
            self.raw(",\"x-positional\":true");
        }
        if !argument.value_name.is_empty() {
            self.raw(",\"x-value-name\":");
            self.string(argument.value_name);
        }
        if argument.short != '\0' {
            self.raw(",\"x-short\":\"");
            self.byte(argument.short as u8);
            self.byte(b'"');
        }
    }
}
