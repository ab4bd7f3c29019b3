//! `#[service]`: a trait becomes a contract, an `impl` becomes a provider.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::parse::{Parse, ParseStream};
use syn::{
    Error, FnArg, GenericArgument, Ident, Item, ItemImpl, ItemTrait, LitStr, Pat, PathArguments,
    Result, ReturnType, Token, TraitItem, TraitItemFn, Type,
};

pub(crate) fn expand(attributes: TokenStream, item: TokenStream) -> Result<TokenStream> {
    match syn::parse2::<Item>(item)? {
        Item::Trait(contract) => expand_trait(&syn::parse2(attributes)?, &contract),
        Item::Impl(provider) => Ok(expand_impl(&provider)),
        other => Err(Error::new_spanned(other, "#[service] goes on a trait or on an impl of one")),
    }
}

fn expand_impl(provider: &ItemImpl) -> TokenStream {
    quote! {
        #[::ratchet_plugin_api::__private::async_trait]
        #provider
    }
}

/// `id = "ratchet.thing", version = "1.0", many`
struct Options {
    id: LitStr,
    major: u16,
    minor: u16,
    many: bool,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let (mut id, mut version, mut many) = (None, None, false);
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            match key.to_string().as_str() {
                "many" => many = true,
                "id" => {
                    input.parse::<Token![=]>()?;
                    id = Some(input.parse::<LitStr>()?);
                }
                "version" => {
                    input.parse::<Token![=]>()?;
                    version = Some(input.parse::<LitStr>()?);
                }
                _ => return Err(Error::new(key.span(), "expected `id`, `version` or `many`")),
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        let missing = |what| Error::new(input.span(), format!("a contract needs `{what} = \"…\"`"));
        let id = id.ok_or_else(|| missing("id"))?;
        let version = version.ok_or_else(|| missing("version"))?;
        let text = version.value();
        let parts = text.split_once('.').and_then(|(major, minor)| {
            Some((major.parse::<u16>().ok()?, minor.parse::<u16>().ok()?))
        });
        let Some((major, minor)) = parts else {
            return Err(Error::new(version.span(), "a version is `\"major.minor\"`"));
        };
        Ok(Self { id, major, minor, many })
    }
}

/// One method of a contract.
struct Method<'a> {
    item: &'a TraitItemFn,
    /// Arguments that are encoded.
    arguments: Vec<(Ident, Type)>,
    /// The argument that is a stream.
    input: Option<(Ident, Type)>,
    /// The item type, when it returns a stream.
    streams: bool,
}

impl<'a> Method<'a> {
    fn read(item: &'a TraitItemFn) -> Result<Self> {
        let signature = &item.sig;
        if signature.asyncness.is_none() {
            return Err(Error::new_spanned(signature, "a contract's methods are `async fn`"));
        }
        if !signature.generics.params.is_empty() {
            return Err(Error::new_spanned(
                &signature.generics,
                "a contract's methods cannot be generic: they cross between compilers",
            ));
        }
        let mut arguments = Vec::new();
        let mut input = None;
        let mut takes_self = false;
        for argument in &signature.inputs {
            match argument {
                FnArg::Receiver(receiver) => {
                    takes_self = receiver.reference.is_some() && receiver.mutability.is_none();
                }
                FnArg::Typed(typed) => {
                    let Pat::Ident(name) = &*typed.pat else {
                        return Err(Error::new_spanned(&typed.pat, "an argument is a plain name"));
                    };
                    if stream_item(&typed.ty).is_some() {
                        if input.replace((name.ident.clone(), (*typed.ty).clone())).is_some() {
                            return Err(Error::new_spanned(typed, "at most one stream goes in"));
                        }
                    } else if matches!(&*typed.ty, Type::Reference(_)) {
                        return Err(Error::new_spanned(
                            &typed.ty,
                            "arguments are owned: nothing borrowed crosses to another plugin",
                        ));
                    } else {
                        arguments.push((name.ident.clone(), (*typed.ty).clone()));
                    }
                }
            }
        }
        if !takes_self {
            return Err(Error::new_spanned(signature, "a contract's methods take `&self`"));
        }
        let ReturnType::Type(_, output) = &signature.output else {
            return Err(Error::new_spanned(signature, "a contract's methods return `Result<…>`"));
        };
        let Some(output) = generic_argument(output, "Result") else {
            return Err(Error::new_spanned(output, "a contract's methods return `Result<…>`"));
        };
        let streams = stream_item(output).is_some();
        if input.is_some() && !streams {
            return Err(Error::new_spanned(signature, "a method that takes a stream returns one"));
        }
        Ok(Self { item, arguments, input, streams })
    }

    fn name(&self) -> String {
        self.item.sig.ident.to_string()
    }

    /// The struct in which the arguments cross: named fields, so that later ones can be added.
    fn arguments_struct(&self, derive: &TokenStream, borrowed: bool) -> TokenStream {
        let names = self.arguments.iter().map(|(name, _)| name);
        let types = self.arguments.iter().map(|(_, ty)| ty);
        let (lifetime, reference) = if borrowed && !self.arguments.is_empty() {
            (quote!(<'a>), quote!(&'a))
        } else {
            (quote!(), quote!())
        };
        quote! {
            #[derive(#derive)]
            #[serde(crate = "::ratchet_plugin_api::__private::serde")]
            struct Arguments #lifetime { #(#names: #reference #types,)* }
        }
    }

    fn client(&self) -> TokenStream {
        let signature = &self.item.sig;
        let name = self.name();
        let arguments = self.arguments.iter().map(|(name, _)| name);
        let serialize = quote!(::ratchet_plugin_api::__private::serde::Serialize);
        let declared = self.arguments_struct(&serialize, true);
        let call = if self.streams {
            let input = match &self.input {
                Some((input, _)) => quote!(::core::option::Option::Some(#input.into_raw())),
                None => quote!(::core::option::Option::None),
            };
            quote!(open(#name, &arguments, #input))
        } else {
            quote!(call(#name, &arguments))
        };
        quote! {
            #signature {
                #declared
                let arguments = Arguments { #(#arguments: &#arguments,)* };
                self.0.#call.await
            }
        }
    }

    fn dispatch(&self, index: usize) -> TokenStream {
        let method = &self.item.sig.ident;
        let deserialize = quote!(::ratchet_plugin_api::__private::serde::Deserialize);
        let declared = self.arguments_struct(&deserialize, false);
        let values = self.item.sig.inputs.iter().filter_map(|argument| match argument {
            FnArg::Typed(typed) => match &*typed.pat {
                Pat::Ident(name) => Some(&name.ident),
                _ => None,
            },
            FnArg::Receiver(_) => None,
        });
        let names = self.arguments.iter().map(|(name, _)| name);
        let input = self.input.as_ref().map(|(name, ty)| {
            quote! {
                let Some(input) = input else {
                    return Err(::ratchet_plugin_api::Error::invalid("a stream has to go in"));
                };
                let #name = <#ty>::from_raw(input);
            }
        });
        let finish = if self.streams {
            quote!(Ok(result.into_raw()))
        } else {
            quote!(::ratchet_plugin_api::wire::encode(&result))
        };
        quote! {
            #index => {
                #declared
                let Arguments { #(#names,)* } = ::ratchet_plugin_api::wire::decode(&arguments)?;
                #input
                let result = provider.#method(#(#values),*).await?;
                #finish
            }
        }
    }
}

fn expand_trait(options: &Options, contract: &ItemTrait) -> Result<TokenStream> {
    let mut methods = Vec::new();
    for item in &contract.items {
        match item {
            TraitItem::Fn(method) => methods.push(Method::read(method)?),
            other => return Err(Error::new_spanned(other, "a contract has methods only")),
        }
    }
    let name = &contract.ident;
    let client = format_ident!("{name}Client");
    let Options { id, major, minor, many } = options;
    let cardinality = if *many { quote!(Many) } else { quote!(One) };
    let names = methods.iter().map(Method::name);
    let clients = methods.iter().map(Method::client);
    let numbered = || methods.iter().enumerate();
    let calls = numbered()
        .filter(|(_, method)| !method.streams)
        .map(|(index, method)| method.dispatch(index));
    let opens = numbered()
        .filter(|(_, method)| method.streams)
        .map(|(index, method)| method.dispatch(index));
    let mut contract = contract.clone();
    let bounds: syn::punctuated::Punctuated<syn::TypeParamBound, Token![+]> =
        syn::parse_quote!(::core::marker::Send + ::core::marker::Sync + 'static);
    contract.supertraits.extend(bounds);
    contract.colon_token.get_or_insert_with(Default::default);

    Ok(quote! {
        #[::ratchet_plugin_api::__private::async_trait]
        #contract

        const _: () = {
            use ::std::sync::Arc;
            use ::ratchet_plugin_api::raw::{BoxFuture, Cardinality, Declaration, Remote};
            use ::ratchet_plugin_api::{Error, Service};
            use ::ratchet_plugin_api::abi::RawStream;

            #[derive(Clone)]
            struct #client(Remote);

            #[::ratchet_plugin_api::__private::async_trait]
            impl #name for #client { #(#clients)* }

            impl Service for dyn #name {
                const DECLARATION: Declaration = Declaration {
                    id: #id,
                    major: #major,
                    minor: #minor,
                    cardinality: Cardinality::#cardinality,
                    methods: &[#(#names),*],
                };

                fn client(remote: Remote) -> Arc<Self> {
                    Arc::new(#client(remote))
                }

                #[allow(unused_variables, unreachable_code)]
                fn call(
                    provider: Arc<Self>,
                    method: usize,
                    arguments: Vec<u8>,
                ) -> BoxFuture<::ratchet_plugin_api::Result<Vec<u8>>> {
                    Box::pin(async move {
                        match method {
                            #(#calls)*
                            _ => Err(Error::invalid("this method returns a stream")),
                        }
                    })
                }

                #[allow(unused_variables, unreachable_code)]
                fn open(
                    provider: Arc<Self>,
                    method: usize,
                    arguments: Vec<u8>,
                    input: Option<RawStream>,
                ) -> BoxFuture<::ratchet_plugin_api::Result<RawStream>> {
                    Box::pin(async move {
                        match method {
                            #(#opens)*
                            _ => Err(Error::invalid("this method returns a value")),
                        }
                    })
                }
            }
        };
    })
}

/// `T` of `Stream<T>`.
fn stream_item(ty: &Type) -> Option<&Type> {
    generic_argument(ty, "Stream")
}

/// `T` of `outer<T>`.
fn generic_argument<'a>(ty: &'a Type, outer: &str) -> Option<&'a Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    if last.ident != outer {
        return None;
    }
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first()? {
        GenericArgument::Type(inner) => Some(inner),
        _ => None,
    }
}
