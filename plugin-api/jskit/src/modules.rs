//! How the files of a program find each other.

use std::collections::BTreeMap;

/// Finds the module that `specifier` means when `referrer` imports it: a path relative to the
/// importing file (`./money.js`, `../lib/money.js`), with `.js`, `.mjs` or `/index.js` added where
/// only that names a file.
///
/// # Errors
/// A sentence saying why there is no such module and which there are.
pub fn resolve(
    referrer: &str,
    specifier: &str,
    modules: &BTreeMap<String, String>,
) -> Result<String, String> {
    if !specifier.starts_with("./") && !specifier.starts_with("../") {
        return Err(format!(
            "cannot import `{specifier}` from {referrer}: a task imports its own files only, by a \
             path that starts with `./` or `../`"
        ));
    }
    let mut parts: Vec<&str> = referrer.split('/').collect();
    parts.pop();
    for part in specifier.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return Err(format!(
                        "cannot import `{specifier}` from {referrer}: that is outside the task's \
                         folder"
                    ));
                }
            }
            name => parts.push(name),
        }
    }
    let path = parts.join("/");
    ["", ".js", ".mjs", "/index.js"]
        .iter()
        .map(|ending| format!("{path}{ending}"))
        .find(|candidate| modules.contains_key(candidate))
        .ok_or_else(|| {
            let known: Vec<&str> = modules.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            format!(
                "cannot import `{specifier}` from {referrer}: the task has no file `{path}` \
                 (it has: {known})"
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> BTreeMap<String, String> {
        names.iter().map(|name| ((*name).to_owned(), String::new())).collect()
    }

    #[test]
    fn relative_paths_are_resolved_against_the_importing_file() {
        let files = files(&["lib/money.js", "lib/tax/rates.mjs", "util/index.js"]);
        let found = |referrer, specifier| resolve(referrer, specifier, &files);
        assert_eq!(found("main.js", "./lib/money.js").unwrap(), "lib/money.js");
        assert_eq!(found("main.js", "./lib/money").unwrap(), "lib/money.js");
        assert_eq!(found("lib/tax/rates.mjs", "../money.js").unwrap(), "lib/money.js");
        assert_eq!(found("lib/money.js", "./tax/rates").unwrap(), "lib/tax/rates.mjs");
        assert_eq!(found("main.js", "./util").unwrap(), "util/index.js");
    }

    #[test]
    fn what_cannot_be_found_is_explained() {
        let files = files(&["lib/money.js"]);
        let refused = |specifier| resolve("main.js", specifier, &files).unwrap_err();
        assert!(refused("lodash").contains("its own files only"));
        assert!(refused("/etc/passwd").contains("its own files only"));
        assert!(refused("../secret.js").contains("outside the task's folder"));
        assert!(refused("./lib/cash.js").contains("it has: lib/money.js"));
    }
}
