//! Where imports are found: among the files of the program that is run.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::future::{Future, ready};
use std::path::Path;
use std::rc::Rc;

use boa_engine::module::{ModuleLoader, ModuleRequest, Referrer};
use boa_engine::{Context, JsNativeError, JsResult, JsString, Module, Source};
use ratchet_jskit::SyntaxFault;
use ratchet_jskit::modules::resolve;
use ratchet_plugin_api::model::Program;

use crate::realm::locate;

/// The files of a program and those of them that were parsed.
#[derive(Default)]
pub(crate) struct Modules {
    files: RefCell<BTreeMap<String, String>>,
    entry: RefCell<String>,
    parsed: RefCell<HashMap<String, Module>>,
    fault: RefCell<Option<SyntaxFault>>,
}

impl Modules {
    pub(crate) fn provide(&self, program: &Program) {
        self.entry.borrow_mut().clone_from(&program.entry);
        self.files.borrow_mut().clone_from(&program.modules);
    }

    /// The syntax error that kept a file from being loaded.
    pub(crate) fn take_fault(&self) -> Option<SyntaxFault> {
        self.fault.take()
    }

    fn load(
        &self,
        referrer: Option<&Path>,
        request: &ModuleRequest,
        context: &mut Context,
    ) -> JsResult<Module> {
        let referrer = referrer.and_then(Path::to_str).unwrap_or_default().to_owned();
        let referrer = if referrer.is_empty() { self.entry.borrow().clone() } else { referrer };
        let specifier = request.specifier().to_std_string_lossy();
        let file = resolve(&referrer, &specifier, &self.files.borrow())
            .map_err(|message| JsNativeError::typ().with_message(message))?;
        if let Some(module) = self.parsed.borrow().get(&file) {
            return Ok(module.clone());
        }
        let source = self.files.borrow().get(&file).cloned().unwrap_or_default();
        let module = if file.ends_with(".json") {
            Module::parse_json(JsString::from(source.as_str()), context)?
        } else {
            let source = Source::from_bytes(source.as_bytes()).with_path(Path::new(&file));
            Module::parse(source, None, context).inspect_err(|error| {
                if let Some(native) = error.as_native() {
                    *self.fault.borrow_mut() = Some(locate(&file, native.message()));
                }
            })?
        };
        self.parsed.borrow_mut().insert(file, module.clone());
        Ok(module)
    }
}

impl ModuleLoader for Modules {
    fn load_imported_module(
        self: Rc<Self>,
        referrer: Referrer,
        request: ModuleRequest,
        context: &RefCell<&mut Context>,
    ) -> impl Future<Output = JsResult<Module>> {
        ready(self.load(referrer.path(), &request, &mut context.borrow_mut()))
    }
}
