//! `plugin!`: the manifest and the one export of a plugin's file.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, LitInt, LitStr, Path, Result, Token, bracketed};

/// The name under which `abi_stable` looks for a library's header, in its own mangling.
const HEADER_SYMBOL: &str = "_1as_0lib_1header_0root_bmodule_bloader";

struct Provision {
    contract: Path,
    instance: String,
    inline: bool,
    /// Declared only: it is provided at run time, under names of the plugin's choice.
    later: bool,
}

/// Takes `word` if it stands in front of a contract, and is not one itself.
fn takes_word(input: ParseStream<'_>, word: &str) -> Result<bool> {
    let ahead = input.fork();
    let found = input.peek(Ident)
        && ahead.parse::<Ident>()? == word
        && (ahead.peek(Ident) || ahead.peek(Token![::]));
    if found {
        input.parse::<Ident>()?;
    }
    Ok(found)
}

impl Parse for Provision {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let inline = takes_word(input, "inline")?;
        let later = !inline && takes_word(input, "later")?;
        let contract = input.parse()?;
        let mut instance = String::new();
        if input.peek(Token![as]) {
            input.parse::<Token![as]>()?;
            instance = input.parse::<LitStr>()?.value();
        }
        Ok(Self { contract, instance, inline, later })
    }
}

struct Definition {
    id: LitStr,
    summary: String,
    plugin: Path,
    provides: Vec<Provision>,
    requires: Vec<Path>,
    wants: Vec<Path>,
    commands: Vec<Path>,
    concurrency: u32,
}

fn list<T: Parse>(input: ParseStream<'_>) -> Result<Vec<T>> {
    let items;
    bracketed!(items in input);
    Ok(Punctuated::<T, Token![,]>::parse_terminated(&items)?.into_iter().collect())
}

impl Parse for Definition {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let (mut id, mut plugin, mut summary) = (None, None, String::new());
        let (mut provides, mut requires) = (Vec::new(), Vec::new());
        let (mut wants, mut commands, mut concurrency) = (Vec::new(), Vec::new(), 0);
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            input.parse::<Token![:]>()?;
            match key.to_string().as_str() {
                "id" => id = Some(input.parse::<LitStr>()?),
                "summary" => summary = input.parse::<LitStr>()?.value(),
                "plugin" => plugin = Some(input.parse::<Path>()?),
                "provides" => provides = list(input)?,
                "requires" => requires = list(input)?,
                "wants" => wants = list(input)?,
                "commands" => commands = list(input)?,
                "concurrency" => concurrency = input.parse::<LitInt>()?.base10_parse()?,
                _ => {
                    return Err(Error::new(
                        key.span(),
                        "expected `id`, `summary`, `plugin`, `provides`, `requires`, `wants`, \
                         `commands` or `concurrency`",
                    ));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        let missing = |what: &str| {
            Error::new(proc_macro2::Span::call_site(), format!("a plugin needs `{what}: …`"))
        };
        let id = id.ok_or_else(|| missing("id"))?;
        check_id(&id)?;
        let plugin = plugin.ok_or_else(|| missing("plugin"))?;
        Ok(Self { id, summary, plugin, provides, requires, wants, commands, concurrency })
    }
}

/// `vendor.kind.name`: two or more words of lower-case letters, digits and hyphens.
fn check_id(id: &LitStr) -> Result<()> {
    let value = id.value();
    let word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    if value.split('.').count() >= 2 && value.split('.').all(word) {
        Ok(())
    } else {
        Err(Error::new(
            id.span(),
            "an id is two or more words of lower-case letters, digits and hyphens joined by dots, \
             such as `acme.output.s3`",
        ))
    }
}

pub(crate) fn expand(input: TokenStream) -> Result<TokenStream> {
    let Definition { id, summary, plugin, provides, requires, wants, commands, concurrency } =
        syn::parse2(input)?;
    let declared = provides.iter().map(|provision| {
        let contract = &provision.contract;
        // No two plugins have the same id, and so no two promises the same name.
        let instance = if provision.later { id.value() } else { provision.instance.clone() };
        quote!((<dyn #contract as Service>::DECLARATION, #instance),)
    });
    let own: Vec<_> = provides.iter().filter(|provision| !provision.later).collect();
    let contracts: Vec<_> = own.iter().map(|provision| &provision.contract).collect();
    let instances: Vec<_> = own.iter().map(|provision| &provision.instance).collect();
    let inlines: Vec<_> = own.iter().map(|provision| provision.inline).collect();
    let (router, router_declared) = if commands.is_empty() {
        (quote!(), quote!())
    } else {
        (
            quote! {
                const COMMANDS: &[(&str, Runner<#plugin>)] = &[
                    #((<#commands as CommandArguments>::NAME, run_command::<#plugin, #commands>),)*
                ];
                let router = Arc::new(CommandRouter::new(Arc::clone(plugin), COMMANDS));
                provided.push(provide::<dyn Command>(context, #id, router, false)?);
            },
            quote!((<dyn Command as Service>::DECLARATION, #id),),
        )
    };
    let symbol = syn::LitStr::new(HEADER_SYMBOL, proc_macro2::Span::call_site());
    Ok(quote! {
        const _: () = {
            use ::std::sync::Arc;
            use ::ratchet_plugin_api::__private::*;
            use ::ratchet_plugin_api::render::{CommandSource, ManifestSource, length, render};
            use ::ratchet_plugin_api::services::Command;
            use ::ratchet_plugin_api::{Context, Plugin, Result, Service};

            static SOURCE: ManifestSource = ManifestSource {
                id: #id,
                version: env!("CARGO_PKG_VERSION"),
                summary: #summary,
                panic: if cfg!(panic = "unwind") { "unwind" } else { "abort" },
                provides: &[
                    #(#declared)*
                    #router_declared
                ],
                requires: &[#(<dyn #requires as Service>::DECLARATION),*],
                wants: &[#(<dyn #wants as Service>::DECLARATION),*],
                commands: &[#(CommandSource {
                    name: <#commands as CommandArguments>::NAME,
                    summary: <#commands as CommandArguments>::SUMMARY,
                    needs: <#commands as CommandArguments>::NEEDS,
                    serves: <#commands as CommandArguments>::SERVES,
                    arguments: <#commands as Described>::SCHEMA,
                }),*],
                concurrency: #concurrency,
                config: <<#plugin as Plugin>::Config as Described>::SCHEMA,
            };

            #[allow(long_running_const_eval)]
            const LENGTH: usize = length(&SOURCE);

            #[used]
            #[allow(unsafe_code, long_running_const_eval)]
            #[cfg_attr(target_os = "linux", unsafe(link_section = ".ratchet"))]
            static MANIFEST: [u8; LENGTH] = render(&SOURCE);

            impl Provides for #plugin {
                const ID: &'static str = #id;

                #[allow(unused_variables, unused_mut)]
                fn provide(context: &Context, plugin: &Arc<Self>) -> Result<Vec<Provided>> {
                    let mut provided = Vec::new();
                    #({
                        let provider: Arc<dyn #contracts> = Arc::clone(plugin) as _;
                        provided.push(provide(context, #instances, provider, #inlines)?);
                    })*
                    #router
                    Ok(provided)
                }
            }

            struct Maker;

            impl Make for Maker {
                // By its path: a plugin may provide the contract that is called `Executor`.
                fn make(
                    host: HostHandle,
                ) -> Result<(Arc<dyn RawPlugin>, ::ratchet_plugin_api::raw::Executor)> {
                    make::<#plugin>(host)
                }
            }

            #[allow(unsafe_code)]
            #[unsafe(export_name = #symbol)]
            pub static HEADER: Header = export_module::<Maker>();
        };
    })
}
