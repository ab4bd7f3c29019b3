//! `ratchet why`.

use ratchet_plugin_api::model::Explanation;
use ratchet_plugin_api::shell::{Shell, ShellCommand};
use ratchet_plugin_api::{Result, command};

use super::query::key;
use super::style::printable;
use super::{Services, View};
use crate::Execution;

/// Tells the one cause that keeps a job from running, or what became of it.
#[command(name = "why")]
pub(crate) struct Why {
    /// The job, by number or id.
    #[arg(positional)]
    job: String,
    /// Print JSON.
    json: bool,
}

impl ShellCommand<Execution> for Why {
    async fn run(self, plugin: &Execution, shell: Shell) -> Result<u8> {
        let view = View::new(plugin, &shell, self.json);
        let services = Services::lasting(plugin).await?;
        let told = services.queue()?.why(key(&self.job)).await?;
        view.show(&told, text)?;
        Ok(0)
    }
}

fn text(told: &Explanation, view: &View) -> String {
    let mut text = format!("{}\n", printable(&told.sentence));
    if let Some(remedy) = &told.remedy {
        text.push_str(&format!("  → {}\n", printable(remedy)));
    }
    text.push_str(&view.style.faint(&format!("  {}", told.cause)));
    text.push('\n');
    text
}
