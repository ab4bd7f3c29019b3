//! What an author implements.

use std::future::Future;

use crate::schema::Configuration;
use crate::{Context, Result};

/// A plugin: how it starts and stops. What it offers is said in [`plugin!`](crate::plugin).
///
/// ```
/// use ratchet_plugin_api::model::{Delivery, Receipt};
/// use ratchet_plugin_api::services::OutputSink;
/// use ratchet_plugin_api::{Context, Plugin, Result, config, plugin, service};
///
/// #[config]
/// struct Config {
///     /// Put before every line.
///     #[default("result: ")]
///     prefix: String,
/// }
///
/// struct Printer { context: Context, prefix: String }
///
/// impl Plugin for Printer {
///     type Config = Config;
///
///     async fn start(context: Context, config: Config) -> Result<Self> {
///         Ok(Self { context, prefix: config.prefix })
///     }
/// }
///
/// #[service]
/// impl OutputSink for Printer {
///     async fn deliver(&self, delivery: Delivery) -> Result<Receipt> {
///         let body = String::from_utf8_lossy(&delivery.body);
///         self.context.print(format!("{}{body}\n", self.prefix))?;
///         Ok(Receipt::new(delivery.body.len() as u64))
///     }
/// }
///
/// plugin! {
///     id: "acme.output.printer",
///     summary: "Prints results",
///     plugin: Printer,
///     provides: [OutputSink as "printer"],
/// }
/// ```
pub trait Plugin: Sized + Send + Sync + 'static {
    /// The plugin's configuration, declared with [`#[config]`](crate::config); [`NoConfig`] for
    /// none.
    ///
    /// [`NoConfig`]: crate::NoConfig
    type Config: Configuration;

    /// Brings the plugin up. Its services are offered when this has succeeded; those it requires
    /// are there already.
    fn start(context: Context, config: Self::Config) -> impl Future<Output = Result<Self>> + Send;

    /// Brings the plugin down, within the deadline of the present [`Call`](crate::Call). Its
    /// services are withdrawn already.
    fn stop(&self) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }
}
