//! `#[config]`: a struct becomes a described part of the configuration, an enum a choice of words.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Fields, Item, ItemEnum, ItemStruct, Result};

use crate::fields::{self, Spelling, documentation, snake};

pub(crate) fn expand(_attributes: TokenStream, item: TokenStream) -> Result<TokenStream> {
    match syn::parse2::<Item>(item)? {
        Item::Struct(item) => expand_struct(item, Spelling::Snake),
        Item::Enum(item) => expand_enum(item),
        other => Err(Error::new_spanned(other, "#[config] goes on a struct or an enum")),
    }
}

pub(crate) fn expand_struct(mut item: ItemStruct, spelling: Spelling) -> Result<TokenStream> {
    let name = item.ident.clone();
    let Fields::Named(named) = &mut item.fields else {
        return Err(Error::new_spanned(&item, "its fields need names"));
    };
    let mut read = Vec::new();
    for field in &named.named {
        read.push(fields::read(field, spelling, &name)?);
    }
    named.named = read.iter().map(|field| field.item.clone()).collect();
    let schemas = read.iter().map(|field| &field.schema);
    let functions = read.iter().filter_map(|field| field.default_function.as_ref());
    let defaults: Option<Vec<_>> = read.iter().map(|field| field.default.clone()).collect();
    let default = defaults.map(|values| {
        let names = read.iter().map(|field| &field.item.ident);
        quote! {
            impl ::core::default::Default for #name {
                fn default() -> Self { Self { #(#names: #values,)* } }
            }
        }
    });
    let serde = fields::serde_attributes(true);
    let configuration = matches!(spelling, Spelling::Snake)
        .then(|| quote!(impl ::ratchet_plugin_api::__private::Configuration for #name {}));
    Ok(quote! {
        #serde
        #item

        impl #name { #(#functions)* }

        #default

        impl ::ratchet_plugin_api::__private::Described for #name {
            const SCHEMA: &'static ::ratchet_plugin_api::__private::Schema =
                &::ratchet_plugin_api::__private::Schema::Object(&[#(#schemas),*]);
        }

        #configuration
    })
}

fn expand_enum(mut item: ItemEnum) -> Result<TokenStream> {
    let name = item.ident.clone();
    let mut choices = Vec::new();
    for variant in &mut item.variants {
        if !matches!(variant.fields, Fields::Unit) {
            return Err(Error::new_spanned(variant, "a choice is a plain word"));
        }
        let word = snake(&variant.ident.to_string());
        let help = documentation(&variant.attrs);
        variant.attrs.push(syn::parse_quote!(#[serde(rename = #word)]));
        choices.push(quote! {
            ::ratchet_plugin_api::__private::Choice { name: #word, help: #help }
        });
    }
    let serde = fields::serde_attributes(false);
    Ok(quote! {
        #[derive(Copy, PartialEq, Eq)]
        #serde
        #item

        impl ::ratchet_plugin_api::__private::Described for #name {
            const SCHEMA: &'static ::ratchet_plugin_api::__private::Schema =
                &::ratchet_plugin_api::__private::Schema::Choice(&[#(#choices),*]);
        }
    })
}
