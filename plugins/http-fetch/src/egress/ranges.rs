//! Address ranges that are not the public internet.
//!
//! From the registries of special-purpose addresses (RFC 6890), as of 2025:
//! <https://www.iana.org/assignments/iana-ipv4-special-registry> and
//! <https://www.iana.org/assignments/iana-ipv6-special-registry>, with multicast and the
//! deprecated site-local range added.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Who uses a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Somebody's own network or machine, which an operator may want to open as a whole.
    Private,
    /// No server that a task could have business with.
    Closed,
}

/// A range that is closed by default.
#[derive(Debug)]
pub(super) struct Special {
    pub(super) range: IpNet,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

const fn v4(octets: [u8; 4], length: u8, name: &'static str, kind: Kind) -> Special {
    let [a, b, c, d] = octets;
    let range = IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length));
    Special { range, name, kind }
}

const fn v6(first: [u16; 3], length: u8, name: &'static str, kind: Kind) -> Special {
    let [a, b, c] = first;
    let range = IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), length));
    Special { range, name, kind }
}

/// The first that contains an address describes it.
static SPECIAL: [Special; 30] = [
    v4([0, 0, 0, 0], 8, "this host", Kind::Closed),
    v4([10, 0, 0, 0], 8, "a private address", Kind::Private),
    v4([100, 64, 0, 0], 10, "a shared address", Kind::Private),
    v4([127, 0, 0, 0], 8, "a loopback address", Kind::Private),
    v4([169, 254, 0, 0], 16, "a link-local address", Kind::Closed),
    v4([172, 16, 0, 0], 12, "a private address", Kind::Private),
    v4([192, 0, 0, 0], 24, "a protocol address", Kind::Closed),
    v4([192, 0, 2, 0], 24, "a documentation address", Kind::Closed),
    v4([192, 88, 99, 0], 24, "a relay address", Kind::Closed),
    v4([192, 168, 0, 0], 16, "a private address", Kind::Private),
    v4([198, 18, 0, 0], 15, "a benchmarking address", Kind::Closed),
    v4([198, 51, 100, 0], 24, "a documentation address", Kind::Closed),
    v4([203, 0, 113, 0], 24, "a documentation address", Kind::Closed),
    v4([224, 0, 0, 0], 4, "a multicast address", Kind::Closed),
    v4([240, 0, 0, 0], 4, "a reserved address", Kind::Closed),
    Special {
        range: IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)),
        name: "a loopback address",
        kind: Kind::Private,
    },
    v6([0, 0, 0], 96, "an unspecified address", Kind::Closed),
    v6([0x64, 0xff9b, 1], 48, "a local translation address", Kind::Closed),
    v6([0x100, 0, 0], 64, "a discard address", Kind::Closed),
    v6([0x2001, 0, 0], 32, "a Teredo address", Kind::Closed),
    v6([0x2001, 2, 0], 48, "a benchmarking address", Kind::Closed),
    v6([0x2001, 0x10, 0], 28, "an identifier", Kind::Closed),
    v6([0x2001, 0x20, 0], 28, "an identifier", Kind::Closed),
    v6([0x2001, 0xdb8, 0], 32, "a documentation address", Kind::Closed),
    v6([0x3fff, 0, 0], 20, "a documentation address", Kind::Closed),
    v6([0x5f00, 0, 0], 16, "a segment identifier", Kind::Closed),
    v6([0xfc00, 0, 0], 7, "a unique-local address", Kind::Private),
    v6([0xfe80, 0, 0], 10, "a link-local address", Kind::Closed),
    v6([0xfec0, 0, 0], 10, "a site-local address", Kind::Private),
    v6([0xff00, 0, 0], 8, "a multicast address", Kind::Closed),
];

/// What is special about an address, if anything is.
pub(super) fn special_range(address: IpAddr) -> Option<&'static Special> {
    SPECIAL.iter().find(|special| special.range.contains(&address))
}

/// The IPv4 address that packets to an IPv6 address end at: mapped (RFC 4291), translated by NAT64
/// (RFC 6052) or tunnelled by 6to4 (RFC 3056).
pub(super) fn embedded_ipv4(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(address) = address else {
        return None;
    };
    let join = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] => Some(join(high, low)),
        // The translated form of RFC 2765, which some stacks still understand.
        [0, 0, 0, 0, 0xffff, 0, high, low] => Some(join(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(join(high, low)),
        [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

/// A range in the form `10.0.0.0/8`, or a single address.
pub(super) fn parse_range(text: &str) -> Result<IpNet, String> {
    let range = text
        .parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| "a range is an address and a length, such as 10.0.0.0/8".to_owned())?;
    if range.trunc() != range {
        let right = range.trunc();
        return Err(format!("it has bits beyond its length; `{right}` would be right"));
    }
    Ok(range)
}
