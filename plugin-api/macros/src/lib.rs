//! The attribute macros of `ratchet-plugin-api`, which re-exports and documents them.

use proc_macro::TokenStream;

mod command;
mod config;
mod fields;
mod plugin;
mod service;

/// See `ratchet_plugin_api::service`.
#[proc_macro_attribute]
pub fn service(attributes: TokenStream, item: TokenStream) -> TokenStream {
    expand(service::expand(attributes.into(), item.into()))
}

/// See `ratchet_plugin_api::config`.
#[proc_macro_attribute]
pub fn config(attributes: TokenStream, item: TokenStream) -> TokenStream {
    expand(config::expand(attributes.into(), item.into()))
}

/// See `ratchet_plugin_api::command`.
#[proc_macro_attribute]
pub fn command(attributes: TokenStream, item: TokenStream) -> TokenStream {
    expand(command::expand(attributes.into(), item.into()))
}

/// See `ratchet_plugin_api::plugin`.
#[proc_macro]
pub fn plugin(input: TokenStream) -> TokenStream {
    expand(plugin::expand(input.into()))
}

fn expand(result: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    result.unwrap_or_else(syn::Error::into_compile_error).into()
}
