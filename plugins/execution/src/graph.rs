//! What the jobs of a batch depend on: references to one another, and jobs there are already.

use std::collections::HashMap;

use ratchet_plugin_api::model::Key;
use ratchet_plugin_api::services::JobRequest;
use ratchet_plugin_api::{Error, Result, did_you_mean, nearest};

/// Something a request depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Dependency {
    /// Another request, by its place.
    Request(usize),
    /// A job there is already.
    Job(Key),
}

/// How requests depend on one another.
#[derive(Debug)]
pub(crate) struct Graph {
    /// What each depends on.
    pub(crate) dependencies: Vec<Vec<Dependency>>,
    /// The places of the requests, each after all that it depends on, else as they were.
    pub(crate) order: Vec<usize>,
}

impl Graph {
    /// Reads what the requests say.
    ///
    /// # Errors
    /// `Invalid`: a reference that is used twice or stands for nothing, or a circle.
    pub(crate) fn of(requests: &[JobRequest]) -> Result<Self> {
        let places = references(requests)?;
        let read = |(place, request): (usize, &JobRequest)| -> Result<Vec<Dependency>> {
            request.depends_on.iter().map(|text| find(&places, place, text)).collect()
        };
        let dependencies = requests.iter().enumerate().map(read).collect::<Result<Vec<_>>>()?;
        let order = order(&dependencies).map_err(|circle| {
            let named: Vec<String> = circle.iter().map(|place| name(requests, *place)).collect();
            refused(format!("these depend on one another in a circle: {}", named.join(" -> ")))
        })?;
        Ok(Self { dependencies, order })
    }
}

/// A request as its maker would recognise it.
pub(crate) fn name(requests: &[JobRequest], place: usize) -> String {
    match requests.get(place).and_then(|request| request.reference.as_deref()) {
        Some(reference) => format!("`{reference}`"),
        None => format!("request {}", place + 1),
    }
}

fn references(requests: &[JobRequest]) -> Result<HashMap<&str, usize>> {
    let mut places = HashMap::new();
    for (place, request) in requests.iter().enumerate() {
        let Some(reference) = request.reference.as_deref() else { continue };
        if let Some(other) = places.insert(reference, place) {
            return Err(refused(format!(
                "the requests {} and {} both have the reference `{reference}`",
                other + 1,
                place + 1
            )));
        }
    }
    Ok(places)
}

fn find(places: &HashMap<&str, usize>, place: usize, text: &str) -> Result<Dependency> {
    if let Some(other) = places.get(text) {
        return Ok(Dependency::Request(*other));
    }
    match text.parse() {
        Ok(Key::Name(text)) => {
            let hint = did_you_mean(nearest(&text, places.keys().copied()));
            Err(refused(format!(
                "request {} depends on `{text}`, which is neither the reference of another request \
                 nor the id of a job{hint}",
                place + 1
            )))
        }
        Ok(key) => Ok(Dependency::Job(key)),
        Err(never) => match never {},
    }
}

/// Each after what it depends on; a circle if there is one.
fn order(dependencies: &[Vec<Dependency>]) -> std::result::Result<Vec<usize>, Vec<usize>> {
    let count = dependencies.len();
    let inner = |place: usize| {
        dependencies[place].iter().filter_map(|dependency| match dependency {
            Dependency::Request(other) => Some(*other),
            Dependency::Job(_) => None,
        })
    };
    let mut missing: Vec<usize> = (0..count).map(|place| inner(place).count()).collect();
    let mut dependents = vec![Vec::new(); count];
    for place in 0..count {
        inner(place).for_each(|other| dependents[other].push(place));
    }
    let free = (0..count).filter(|place| missing[*place] == 0);
    let mut ready: std::collections::BTreeSet<usize> = free.collect();
    let mut order = Vec::with_capacity(count);
    while let Some(place) = ready.pop_first() {
        order.push(place);
        for dependent in &dependents[place] {
            missing[*dependent] -= 1;
            if missing[*dependent] == 0 {
                ready.insert(*dependent);
            }
        }
    }
    match (0..count).find(|place| missing[*place] > 0) {
        None => Ok(order),
        Some(start) => Err(circle(start, |place| inner(place).find(|other| missing[*other] > 0))),
    }
}

/// Follows what is never ready until a place comes again.
fn circle(start: usize, next: impl Fn(usize) -> Option<usize>) -> Vec<usize> {
    let mut path = vec![start];
    while let Some(place) = path.last().and_then(|place| next(*place)) {
        if let Some(first) = path.iter().position(|seen| *seen == place) {
            path.drain(..first);
            path.push(place);
            break;
        }
        path.push(place);
    }
    path
}

fn refused(message: String) -> Error {
    Error::invalid(message).with_reason("batch.invalid_dependencies")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratchet_plugin_api::model::Id;

    fn request(reference: &str, depends_on: &[&str]) -> JobRequest {
        JobRequest {
            reference: (!reference.is_empty()).then(|| reference.to_owned()),
            depends_on: depends_on.iter().map(|text| (*text).to_owned()).collect(),
            ..JobRequest::default()
        }
    }

    #[test]
    fn what_is_depended_on_comes_first() {
        let requests =
            [request("c", &["a", "b"]), request("b", &["a"]), request("a", &[]), request("", &[])];
        let graph = Graph::of(&requests).unwrap();
        assert_eq!(graph.order, [2, 1, 0, 3]);
        let expected = [Dependency::Request(2), Dependency::Request(1)];
        assert_eq!(graph.dependencies[0], expected);
    }

    #[test]
    fn jobs_are_named_by_id_or_number() {
        let id = Id::new();
        let graph = Graph::of(&[request("", &[&id.to_string(), "17"])]).unwrap();
        let expected = [Dependency::Job(Key::Id(id)), Dependency::Job(Key::Number(17))];
        assert_eq!(graph.dependencies[0], expected);
    }

    #[test]
    fn a_circle_is_named() {
        let requests = [
            request("start", &["a"]),
            request("a", &["b"]),
            request("b", &["c"]),
            request("c", &["a"]),
        ];
        let message = Graph::of(&requests).unwrap_err().message;
        assert!(message.ends_with("`a` -> `b` -> `c` -> `a`"), "{message}");
        let message = Graph::of(&[request("me", &["me"])]).unwrap_err().message;
        assert!(message.ends_with("`me` -> `me`"), "{message}");
    }

    #[test]
    fn a_reference_stands_for_one_request() {
        let message = Graph::of(&[request("a", &[]), request("a", &[])]).unwrap_err().message;
        assert!(message.contains("1 and 2 both have the reference `a`"), "{message}");
        let requests = [request("fetch", &[]), request("", &["ftech"])];
        let message = Graph::of(&requests).unwrap_err().message;
        assert!(message.ends_with("did you mean `fetch`?"), "{message}");
    }
}
