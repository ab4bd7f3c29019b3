//! Where imports are found: among the files of the program that is run.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use ratchet_jskit::SyntaxFault;
use ratchet_jskit::modules::resolve;
use ratchet_plugin_api::model::Program;
use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::{Ctx, Error, Exception, Module, Result};

use crate::raw;
use crate::realm::syntax_fault;

/// The files of a program.
#[derive(Default)]
pub(crate) struct Modules {
    files: RefCell<BTreeMap<String, String>>,
    fault: RefCell<Option<SyntaxFault>>,
    /// Whether a program is to be run, not only to be parsed.
    running: Cell<bool>,
}

impl Modules {
    pub(crate) fn provide(&self, program: &Program) {
        self.files.borrow_mut().clone_from(&program.modules);
        self.running.set(true);
    }

    /// The syntax error that kept a file from being loaded.
    pub(crate) fn take_fault(&self) -> Option<SyntaxFault> {
        self.fault.take()
    }
}

/// Finds the file that an import means.
pub(crate) struct FileResolver(pub(crate) Rc<Modules>);

/// Parses the file that was found.
pub(crate) struct FileLoader(pub(crate) Rc<Modules>);

impl Resolver for FileResolver {
    fn resolve<'js>(
        &mut self,
        js: &Ctx<'js>,
        referrer: &str,
        specifier: &str,
        _attributes: Option<ImportAttributes<'js>>,
    ) -> Result<String> {
        if !self.0.running.get() {
            return Ok(specifier.to_owned());
        }
        resolve(referrer, specifier, &self.0.files.borrow())
            .map_err(|message| Exception::throw_type(js, &message))
    }
}

impl Loader for FileLoader {
    fn load<'js>(
        &mut self,
        js: &Ctx<'js>,
        file: &str,
        _attributes: Option<ImportAttributes<'js>>,
    ) -> Result<Module<'js, Declared>> {
        let js = js.clone();
        if !self.0.running.get() {
            // QuickJS looks for imports as it parses; a file is parsed alone here.
            return Module::declare(js, file, "");
        }
        let source = self.0.files.borrow().get(file).cloned().unwrap_or_default();
        if file.ends_with(".json") {
            // The value comes in by `import.meta`, out of reach of what a task has made of JSON.
            let value = js.json_parse(source)?;
            let module = Module::declare(js, file, "export default import.meta.value")?;
            module.meta()?.set("value", value)?;
            return Ok(module);
        }
        raw::with_stack_for_parsing(&js, || Module::declare(js.clone(), file, source)).map_err(
            |error| {
                let Error::Exception = error else { return error };
                let thrown = js.catch();
                if let Some(fault) = syntax_fault(file, &thrown) {
                    self.0.fault.borrow_mut().get_or_insert(fault);
                }
                js.throw(thrown)
            },
        )
    }
}
