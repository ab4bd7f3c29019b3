//! `#[command]`: a struct becomes the arguments of a shell command.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, ItemStruct, LitStr, Path, Result, Token, bracketed};

use crate::config::expand_struct;
use crate::fields::{Spelling, documentation};

/// `name = "run-once", needs = [JsRuntime], serves`
struct Options {
    name: LitStr,
    needs: Vec<Path>,
    serves: bool,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let (mut name, mut needs, mut serves) = (None, Vec::new(), false);
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            match key.to_string().as_str() {
                "serves" => serves = true,
                "name" => {
                    input.parse::<Token![=]>()?;
                    name = Some(input.parse::<LitStr>()?);
                }
                "needs" => {
                    input.parse::<Token![=]>()?;
                    let list;
                    bracketed!(list in input);
                    needs = Punctuated::<Path, Token![,]>::parse_terminated(&list)?
                        .into_iter()
                        .collect();
                }
                _ => return Err(Error::new(key.span(), "expected `name`, `needs` or `serves`")),
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        let name =
            name.ok_or_else(|| Error::new(input.span(), "a command needs `name = \"…\"`"))?;
        Ok(Self { name, needs, serves })
    }
}

pub(crate) fn expand(attributes: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let Options { name, needs, serves } = syn::parse2(attributes)?;
    let item: ItemStruct = syn::parse2(item)?;
    let summary = documentation(&item.attrs);
    if summary.is_empty() {
        return Err(Error::new_spanned(&item.ident, "say in a documentation comment what it does"));
    }
    let ident = item.ident.clone();
    let expanded = expand_struct(item, Spelling::Kebab)?;
    Ok(quote! {
        #expanded

        impl ::ratchet_plugin_api::__private::CommandArguments for #ident {
            const NAME: &'static str = #name;
            const SUMMARY: &'static str = #summary;
            const NEEDS: &'static [::ratchet_plugin_api::raw::Declaration] =
                &[#(<dyn #needs as ::ratchet_plugin_api::Service>::DECLARATION),*];
            const SERVES: bool = #serves;
        }
    })
}
