//! Scripts that were compiled before: jskit's own, and those of tasks that run again.
//!
//! Every run has a heap of its own, so what was compiled in one cannot be used in the next as it
//! is. Its bytecode can be read from memory, which takes a fraction of the time parsing takes.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use ratchet_jskit::Host;
use rquickjs::{Ctx, Result, Value};

use crate::raw;

/// How many scripts are kept: a worker usually runs few tasks many times.
const KEPT: usize = 64;

/// How many bytes of sources are kept at most.
const KEPT_BYTES: usize = 4 << 20;

thread_local! {
    static SCRIPTS: RefCell<Scripts> = RefCell::default();
}

/// A script that can be run in the context, compiled now or read from what was compiled before.
pub(crate) fn script<'js>(
    js: &Ctx<'js>,
    host: &Host,
    file: &str,
    source: &str,
) -> Result<Value<'js>> {
    match SCRIPTS.with_borrow_mut(|scripts| scripts.find(file, source)) {
        Found::Compiled(bytecode) => raw::read_bytecode(js, &bytecode),
        Found::Source => {
            let compiled = raw::compile_script(js, file, source)?;
            let bytecode = raw::bytecode_of(&compiled)?;
            // Where memory ran out, the engine gives what it has written until then.
            if host.stopped().is_none() {
                SCRIPTS.with_borrow_mut(|scripts| scripts.keep(file, source, bytecode));
            }
            Ok(compiled)
        }
        Found::Nothing => raw::compile_script(js, file, source),
    }
}

/// The scripts used last, the latest first.
#[derive(Default)]
struct Scripts {
    kept: VecDeque<Script>,
}

struct Script {
    file: String,
    source: String,
    /// Made when the script is seen again: many a process runs its task once.
    bytecode: Option<Rc<[u8]>>,
}

enum Found {
    Compiled(Rc<[u8]>),
    /// It was seen before.
    Source,
    Nothing,
}

impl Scripts {
    fn find(&mut self, file: &str, source: &str) -> Found {
        let is_it = |script: &Script| script.source == source && script.file == file;
        let Some(index) = self.kept.iter().position(is_it) else {
            let (file, source) = (file.to_owned(), source.to_owned());
            self.kept.push_front(Script { file, source, bytecode: None });
            self.forget_surplus();
            return Found::Nothing;
        };
        let script = self.kept.remove(index).expect("it was found there");
        let found = script.bytecode.clone().map_or(Found::Source, Found::Compiled);
        self.kept.push_front(script);
        found
    }

    fn keep(&mut self, file: &str, source: &str, bytecode: Vec<u8>) {
        let script = self.kept.iter_mut().find(|one| one.source == source && one.file == file);
        if let Some(script) = script {
            script.bytecode = Some(bytecode.into());
        }
    }

    fn forget_surplus(&mut self) {
        let mut bytes = 0;
        self.kept.truncate(KEPT);
        self.kept.retain(|script| {
            bytes += script.source.len();
            bytes <= KEPT_BYTES
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(scripts: &mut Scripts, source: &str) -> &'static str {
        match scripts.find("main.js", source) {
            Found::Compiled(_) => "compiled",
            Found::Source => "source",
            Found::Nothing => "nothing",
        }
    }

    #[test]
    fn bytecode_is_kept_from_the_second_time_on() {
        let mut scripts = Scripts::default();
        assert_eq!(kind(&mut scripts, "1"), "nothing");
        assert_eq!(kind(&mut scripts, "1"), "source");
        scripts.keep("main.js", "1", vec![0]);
        assert_eq!(kind(&mut scripts, "1"), "compiled");
        assert!(matches!(scripts.find("other.js", "1"), Found::Nothing));
    }

    #[test]
    fn the_scripts_used_last_are_kept() {
        let mut scripts = Scripts::default();
        for number in 0..KEPT + 8 {
            scripts.find("main.js", &number.to_string());
            scripts.find("main.js", "often");
        }
        assert_eq!(scripts.kept.len(), KEPT);
        assert_eq!(kind(&mut scripts, "often"), "source");
        assert_eq!(kind(&mut scripts, "0"), "nothing");
    }

    #[test]
    fn sources_are_held_to_a_size() {
        let mut scripts = Scripts::default();
        let large = " ".repeat(KEPT_BYTES / 2);
        for number in 0..4 {
            scripts.find("main.js", &format!("{large}{number}"));
        }
        assert_eq!(scripts.kept.len(), 1);
        scripts.find("main.js", &" ".repeat(KEPT_BYTES + 1));
        assert!(scripts.kept.is_empty());
    }
}
