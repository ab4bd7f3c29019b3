//! References in values to what is kept elsewhere: `${env:NAME}` and `${file:PATH}`.

use std::collections::BTreeMap;
use std::path::Path;

/// Replaces `${env:NAME}` and `${file:PATH}`; nothing when there are none. `$${` is a plain `${`.
pub(crate) fn replace(
    text: &str,
    environment: &BTreeMap<String, String>,
    directory: Option<&Path>,
) -> Result<Option<String>, String> {
    if !text.contains("${") {
        return Ok(None);
    }
    let (mut replaced, mut changed) = (String::new(), false);
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, reference) = (&rest[..start], &rest[start + 2..]);
        if let Some(before) = before.strip_suffix('$') {
            replaced.push_str(before);
            replaced.push_str("${");
            changed = true;
            rest = reference;
            continue;
        }
        replaced.push_str(before);
        let inside = reference.find('}').map(|end| &reference[..end]);
        match inside.and_then(|inside| inside.split_once(':')) {
            Some(("env", name)) => replaced.push_str(
                environment
                    .get(name)
                    .ok_or_else(|| format!("the environment variable {name} is not set"))?,
            ),
            Some(("file", file)) => {
                let path = directory.map_or(Path::new(file).to_owned(), |base| base.join(file));
                let content = std::fs::read_to_string(&path).map_err(|error| {
                    format!("the file {} cannot be read: {error}", path.display())
                })?;
                replaced.push_str(content.trim_end_matches(['\n', '\r']));
            }
            _ => {
                replaced.push_str("${");
                rest = reference;
                continue;
            }
        }
        changed = true;
        rest = &reference[inside.map_or(0, str::len) + 1..];
    }
    replaced.push_str(rest);
    Ok(changed.then_some(replaced))
}
