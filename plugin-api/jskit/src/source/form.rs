//! Which entry form a source has, as far as its top-level tokens tell.

use super::scan::{Scanner, Token, TokenKind};

/// Brackets nested deeper than this are refused before an engine's recursive parser sees them.
const DEEPEST_NESTING: usize = 500;

/// More prefix operators, conditionals or arrows in a row than this are refused for the same
/// reason: each is one more level of a parser's or compiler's recursion.
const LONGEST_CHAIN: usize = 2_000;

/// What a source looks like from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// How the entry is expressed.
    pub(crate) form: Form,
    /// Why it must not be handed to a parser.
    pub(crate) unsafe_to_parse: Option<String>,
    /// Names of top-level functions, for advice where there is no entry.
    pub(crate) functions: Vec<String>,
    /// The byte of `async` in an `export default async …` that is no function declaration.
    pub(crate) async_default: Option<usize>,
}

/// The ways to say what a task's function is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `function (input) {…}` without a name, which is no statement by itself; the byte at which
    /// `function` or `async` stands.
    BareFunction(usize),
    /// `function main(input) {…}`.
    NamedMain,
    /// `const main = …`, with `let` or `var` too.
    MainVariable,
    /// `module.exports = …` or `exports.main = …`.
    CommonJs,
    /// `export default …`.
    ModuleDefault,
    /// `export function main…`, `export const main = …` or `export { main }`.
    ModuleMain,
    /// A module that exports no entry.
    ModuleWithoutEntry,
    /// `(function (input) {…})`, or another expression in parentheses.
    Parenthesised,
    /// `input => …`.
    Arrow,
    /// Declarations only: nothing to call and no value.
    Declarations,
    /// An expression: what it comes to is the entry or the output itself.
    Value,
}

impl Form {
    /// The form in words.
    pub(crate) fn describe(&self) -> Option<&'static str> {
        Some(match self {
            Self::BareFunction(_) => "function expression",
            Self::NamedMain => "named function `main`",
            Self::MainVariable => "variable `main`",
            Self::CommonJs => "CommonJS exports",
            Self::ModuleDefault => "module default export",
            Self::ModuleMain => "module export `main`",
            Self::Parenthesised => "expression in parentheses",
            Self::Arrow => "arrow function",
            Self::Value => "script value",
            Self::ModuleWithoutEntry | Self::Declarations => return None,
        })
    }

    /// Whether the source is an ES module.
    pub(crate) fn is_module(&self) -> bool {
        matches!(self, Self::ModuleDefault | Self::ModuleMain | Self::ModuleWithoutEntry)
    }
}

/// Looks at `source`.
pub(crate) fn survey(source: &str) -> Shape {
    let mut scanner = Scanner::new(source);
    let mut survey = Survey::default();
    let mut chain = Chain::default();
    for token in scanner.by_ref() {
        chain.add(&token);
        if token.depth == 0 {
            survey.add(token);
        }
    }
    let unsafe_to_parse = excess(scanner.deepest(), chain.longest);
    survey.end_statement();
    let functions = std::mem::take(&mut survey.functions);
    let async_default = survey.async_default;
    Shape { form: survey.form(), unsafe_to_parse, functions, async_default }
}

/// Why `source` must not be handed to an engine's recursive parser, if so: it would use up the
/// stack.
pub fn unsafe_to_parse(source: &str) -> Option<String> {
    let mut scanner = Scanner::new(source);
    let mut chain = Chain::default();
    scanner.by_ref().for_each(|token| chain.add(&token));
    excess(scanner.deepest(), chain.longest)
}

fn excess(deepest: usize, longest: usize) -> Option<String> {
    if deepest > DEEPEST_NESTING {
        Some(format!("brackets are nested {deepest} deep; at most {DEEPEST_NESTING} are accepted"))
    } else if longest > LONGEST_CHAIN {
        Some(format!(
            "an expression has {longest} operators in a row; at most {LONGEST_CHAIN} are accepted"
        ))
    } else {
        None
    }
}

/// Counts operators since the last token that ends an expression.
#[derive(Default)]
struct Chain {
    present: usize,
    longest: usize,
}

impl Chain {
    fn add(&mut self, token: &Token<'_>) {
        if token.kind != TokenKind::Mark {
            let nests = matches!(
                token.text,
                "new" | "typeof" | "void" | "delete" | "await" | "yield" | "else" | "if"
            );
            self.present += usize::from(nests);
        } else if matches!(token.text, ";" | "," | "{" | "}" | "(" | ")" | "[" | "]") {
            self.present = 0;
        } else if token.text != "." {
            self.present += 1;
        }
        self.longest = self.longest.max(self.present);
    }
}

#[derive(Default)]
struct Survey<'s> {
    first: Vec<Token<'s>>,
    recent: [&'s str; 3],
    statement: Vec<&'s str>,
    module: bool,
    default_export: bool,
    main_export: bool,
    main_function: bool,
    main_variable: bool,
    commonjs: bool,
    arrow: bool,
    expression: bool,
    exported_names: bool,
    functions: Vec<String>,
    async_default: Option<usize>,
    last_at: usize,
}

impl<'s> Survey<'s> {
    fn add(&mut self, token: Token<'s>) {
        if self.first.len() < 4 {
            self.first.push(token);
        }
        let previous = self.recent[2];
        let begins_statement = matches!(previous, "" | ";" | "}")
            || (token.begins_line && token.kind == TokenKind::Word && previous != ".");
        if begins_statement {
            self.end_statement();
        }
        if self.statement.len() < 8 {
            self.statement.push(token.text);
        }
        self.arrow |= token.text == "=>" && !matches!(self.statement[0], "const" | "let" | "var");
        match (self.recent[1], previous, token.text) {
            (_, "import", "." | "{" | "*") if self.statement.len() == 2 => self.module = true,
            ("module", ".", "exports") => self.commonjs = true,
            (_, "exports", "." | "[") if self.recent[1] != "." => self.commonjs = true,
            _ => {}
        }
        if self.statement.len() == 2
            && self.statement[0] == "import"
            && (token.kind == TokenKind::Text || token.kind == TokenKind::Word)
        {
            self.module = true;
        }
        if self.statement.len() == 4
            && self.statement[..3] == ["export", "default", "async"]
            && token.text != "function"
        {
            self.async_default = Some(self.last_at);
        }
        self.last_at = token.at;
        self.recent = [self.recent[1], previous, token.text];
    }

    fn end_statement(&mut self) {
        let statement = std::mem::take(&mut self.statement);
        let words: Vec<&str> = statement.iter().copied().filter(|word| *word != "*").collect();
        match words.as_slice() {
            [] | [";"] | ["}"] => {}
            ["function", name, ..] | ["async", "function", name, ..] if *name != "(" => {
                self.main_function |= *name == "main";
                self.functions.push((*name).to_owned());
            }
            ["const" | "let" | "var", rest @ ..] => {
                self.main_variable |= rest.first() == Some(&"main")
            }
            ["class", ..] => {}
            ["import", second, ..] if *second != "(" => self.module = true,
            ["export", "default", ..] => (self.module, self.default_export) = (true, true),
            ["export", "{", ..] => (self.module, self.exported_names) = (true, true),
            ["export", rest @ ..] => {
                self.module = true;
                self.main_export |= rest.iter().take(3).any(|word| *word == "main");
            }
            _ => self.expression = true,
        }
    }

    fn form(self) -> Form {
        let first: Vec<&str> = self.first.iter().map(|token| token.text).collect();
        let bare = match first.as_slice() {
            ["function", "(", ..] | ["function", "*", "(", ..] => true,
            ["async", "function", "(", ..] => !self.first[1].begins_line,
            ["async", "function", "*", "("] => !self.first[1].begins_line,
            _ => false,
        };
        if self.module {
            return if self.default_export {
                Form::ModuleDefault
            } else if self.main_export || self.exported_names {
                Form::ModuleMain
            } else {
                Form::ModuleWithoutEntry
            };
        }
        if bare {
            Form::BareFunction(self.first[0].at)
        } else if self.commonjs {
            Form::CommonJs
        } else if self.main_function {
            Form::NamedMain
        } else if self.main_variable {
            Form::MainVariable
        } else if self.arrow {
            Form::Arrow
        } else if first.first() == Some(&"(") {
            Form::Parenthesised
        } else if self.expression {
            Form::Value
        } else {
            Form::Declarations
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(source: &str) -> Form {
        survey(source).form
    }

    #[test]
    fn every_entry_form_is_recognised() {
        assert_eq!(form("function(input) { return 1; }"), Form::BareFunction(0));
        assert_eq!(form("// hi\n async function (input) {};"), Form::BareFunction(7));
        assert_eq!(form("'use strict';\nfunction main(input) {}"), Form::NamedMain);
        assert_eq!(form("async function main(input) {}"), Form::NamedMain);
        assert_eq!(form("const main = input => input"), Form::MainVariable);
        assert_eq!(form("(function(input){})"), Form::Parenthesised);
        assert_eq!(form("(input) => input"), Form::Arrow);
        assert_eq!(form("async input => { return input }"), Form::Arrow);
        assert_eq!(form("function f(){}\nmodule.exports = { main: f }"), Form::CommonJs);
        assert_eq!(form("exports.main = function(){}"), Form::CommonJs);
        assert_eq!(form("import { a } from './a.js'\nexport default a"), Form::ModuleDefault);
        assert_eq!(form("import './a.js';\nexport async function main() {}"), Form::ModuleMain);
        assert_eq!(form("function main() {}\nexport { main }"), Form::ModuleMain);
        assert_eq!(form("export const other = 1"), Form::ModuleMain.without_entry());
        assert_eq!(form("1 + 1"), Form::Value);
        assert_eq!(form("function handler(input) {}"), Form::Declarations);
        assert_eq!(form(""), Form::Declarations);
    }

    impl Form {
        fn without_entry(self) -> Self {
            Self::ModuleWithoutEntry
        }
    }

    #[test]
    fn words_in_other_places_do_not_decide() {
        assert_eq!(form("const note = 'export default 1'; note"), Form::Value);
        assert_eq!(form("import('./x.js').then(x => x)"), Form::Value);
        assert_eq!(form("function main() { function(){} }"), Form::NamedMain);
        assert_eq!(form("({ import: 1, export: 2 })"), Form::Parenthesised);
    }

    #[test]
    fn what_would_overflow_a_parser_is_refused() {
        let refused = |source: String| survey(&source).unsafe_to_parse.is_some();
        assert!(refused("[".repeat(10_000)));
        assert!(refused(format!("x = {}1", "!".repeat(10_000))));
        assert!(refused(format!("x = {}1", "a ? b : ".repeat(10_000))));
        assert!(!refused("x = [1, 2, 3];\n".repeat(10_000)));
        assert!(!refused(format!("x = {}", "'line\\n' +\n ".repeat(1_500))));
    }

    #[test]
    fn an_async_default_that_is_an_arrow_is_pointed_out() {
        assert_eq!(survey("export default async (x) => x").async_default, Some(15));
        assert_eq!(survey("export default async x => x").async_default, Some(15));
        assert_eq!(survey("export default async function (x) {}").async_default, None);
    }

    #[test]
    fn top_level_functions_are_named_for_advice() {
        let shape = survey("function handler(i) { return i }\nasync function helper() {}");
        assert_eq!(shape.functions, ["handler", "helper"]);
    }
}
