//! What `#[config]` and `#[command]` have in common: fields with documentation and defaults.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Error, Expr, ExprLit, Field, Lit, LitStr, Meta, Result, Type};

/// A struct's field, read for both its serde and its schema side.
pub(crate) struct ReadField {
    /// The field with our attributes taken off and serde's put on.
    pub(crate) item: Field,
    /// The `Field` constant of its schema.
    pub(crate) schema: TokenStream,
    /// The expression of its default value, if it has one.
    pub(crate) default: Option<TokenStream>,
    /// A function that gives the default value.
    pub(crate) default_function: Option<TokenStream>,
}

/// How names are spelled outside Rust.
#[derive(Clone, Copy)]
pub(crate) enum Spelling {
    /// `max_redirects`, for configuration.
    Snake,
    /// `max-redirects`, for command lines.
    Kebab,
}

impl Spelling {
    fn of(self, name: &str) -> String {
        match self {
            Spelling::Snake => name.to_owned(),
            Spelling::Kebab => name.replace('_', "-"),
        }
    }
}

/// The text of documentation comments, paragraphs kept, line breaks within them folded.
pub(crate) fn documentation(attributes: &[Attribute]) -> String {
    let mut text = String::new();
    for attribute in attributes {
        let Meta::NameValue(pair) = &attribute.meta else { continue };
        if !pair.path.is_ident("doc") {
            continue;
        }
        let Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) = &pair.value else { continue };
        let line = line.value();
        let line = line.trim();
        if line.is_empty() {
            text.push_str("\n\n");
        } else {
            if !text.is_empty() && !text.ends_with('\n') {
                text.push(' ');
            }
            text.push_str(line);
        }
    }
    text.trim().to_owned()
}

pub(crate) fn is_type(ty: &Type, name: &str) -> bool {
    let Type::Path(path) = ty else { return false };
    path.path.segments.last().is_some_and(|last| last.ident == name)
}

pub(crate) fn read(field: &Field, spelling: Spelling, owner: &syn::Ident) -> Result<ReadField> {
    let Some(ident) = field.ident.clone() else {
        return Err(Error::new_spanned(field, "a field needs a name"));
    };
    let help = documentation(&field.attrs);
    if help.is_empty() {
        return Err(Error::new_spanned(&ident, "say in a documentation comment what it is for"));
    }
    let mut item = field.clone();
    let mut default = None;
    let (mut section, mut alias) = (String::new(), String::new());
    let mut argument = Argument::default();
    let mut kept = Vec::new();
    for attribute in item.attrs.drain(..) {
        let path = attribute.path();
        if path.is_ident("default") {
            default = Some(match &attribute.meta {
                Meta::Path(_) => None,
                _ => Some(attribute.parse_args::<Expr>()?),
            });
        } else if path.is_ident("section") {
            section = attribute.parse_args::<LitStr>()?.value();
        } else if path.is_ident("alias") {
            alias = attribute.parse_args::<LitStr>()?.value();
        } else if path.is_ident("arg") {
            argument = Argument::parse(&attribute)?;
        } else {
            kept.push(attribute);
        }
    }
    item.attrs = kept;

    let ty = &field.ty;
    let optional = is_type(ty, "Option");
    let switch = matches!(spelling, Spelling::Kebab) && is_type(ty, "bool");
    let repeated = matches!(spelling, Spelling::Kebab) && is_type(ty, "Vec");
    if default.is_none() && (optional || switch || repeated) {
        default = Some(None);
    }
    let required = default.is_none();
    let name = spelling.of(ident.to_string().trim_start_matches("r#"));
    item.attrs.push(syn::parse_quote!(#[serde(rename = #name)]));
    if !alias.is_empty() {
        item.attrs.push(syn::parse_quote!(#[serde(alias = #alias)]));
    }

    let mut literal = String::new();
    let (mut value, mut default_function) = (None, None);
    match default {
        None => {}
        Some(None) => {
            item.attrs.push(syn::parse_quote!(#[serde(default)]));
            value = Some(quote!(::core::default::Default::default()));
            if switch {
                "false".clone_into(&mut literal);
            }
        }
        Some(Some(expression)) => {
            literal = json_literal(&expression);
            let function = quote::format_ident!("default_{}", ident);
            let path = format!("{owner}::{function}");
            item.attrs.push(syn::parse_quote!(#[serde(default = #path)]));
            let converted = converted(&expression, ty);
            default_function = Some(quote! {
                #[doc(hidden)]
                fn #function() -> #ty { #converted }
            });
            value = Some(quote!(Self::#function()));
        }
    }
    let argument = argument.tokens();
    let schema = quote! {
        ::ratchet_plugin_api::__private::Field {
            name: #name,
            help: #help,
            schema: <#ty as ::ratchet_plugin_api::__private::Described>::SCHEMA,
            default: #literal,
            required: #required,
            section: #section,
            alias: #alias,
            argument: #argument,
        }
    };
    Ok(ReadField { item, schema, default: value, default_function })
}

/// A literal in the type of its field: text and paths need converting, the rest is as written.
fn converted(expression: &Expr, ty: &Type) -> TokenStream {
    match expression {
        Expr::Lit(ExprLit { lit: Lit::Str(_), .. }) => {
            quote!(::core::convert::From::from(#expression))
        }
        Expr::Lit(_) | Expr::Unary(_) if is_type(ty, "Option") => {
            quote!(::core::option::Option::Some(#expression))
        }
        _ => quote!(#expression),
    }
}

/// The JSON of a literal; empty for anything else, whose value is then not shown in the schema.
fn json_literal(expression: &Expr) -> String {
    match expression {
        Expr::Lit(ExprLit { lit, .. }) => match lit {
            Lit::Str(text) => format!("{:?}", text.value()),
            Lit::Bool(value) => value.value.to_string(),
            Lit::Int(number) => number.base10_digits().to_owned(),
            Lit::Float(number) => number.base10_digits().to_owned(),
            _ => String::new(),
        },
        Expr::Unary(unary) if matches!(unary.op, syn::UnOp::Neg(_)) => {
            format!("-{}", json_literal(&unary.expr))
        }
        // An enum's variant, which `#[config]` spells in snake case.
        Expr::Path(path) if path.path.segments.len() == 2 => path
            .path
            .segments
            .last()
            .map(|last| format!("\"{}\"", snake(&last.ident.to_string())))
            .unwrap_or_default(),
        _ => String::new(),
    }
}

/// `ReadOnly` as `read_only`.
pub(crate) fn snake(name: &str) -> String {
    let mut text = String::new();
    for (index, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && index > 0 {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

#[derive(Default)]
struct Argument {
    positional: bool,
    value_name: String,
    short: Option<char>,
}

impl Argument {
    fn parse(attribute: &Attribute) -> Result<Self> {
        let mut argument = Self::default();
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("positional") {
                argument.positional = true;
            } else if meta.path.is_ident("value_name") {
                argument.value_name = meta.value()?.parse::<LitStr>()?.value();
            } else if meta.path.is_ident("short") {
                argument.short = Some(meta.value()?.parse::<syn::LitChar>()?.value());
            } else {
                return Err(meta.error("expected `positional`, `value_name` or `short`"));
            }
            Ok(())
        })?;
        Ok(argument)
    }

    fn tokens(&self) -> TokenStream {
        let Self { positional, value_name, short } = self;
        let short = short.unwrap_or('\0');
        quote! {
            ::ratchet_plugin_api::__private::Argument {
                positional: #positional,
                value_name: #value_name,
                short: #short,
            }
        }
    }
}

/// The attributes every generated struct carries.
pub(crate) fn serde_attributes(deny_unknown: bool) -> TokenStream {
    let deny = deny_unknown.then(|| quote!(deny_unknown_fields,));
    quote! {
        #[derive(
            Clone, Debug,
            ::ratchet_plugin_api::__private::serde::Serialize,
            ::ratchet_plugin_api::__private::serde::Deserialize,
        )]
        #[serde(#deny crate = "::ratchet_plugin_api::__private::serde")]
    }
}
