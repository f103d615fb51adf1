//! Header fields by which servers and frameworks put another method or target in the place of the request line's.

/// Another method.
pub const METHOD: [&str; 3] = ["x-http-method-override", "x-http-method", "x-method-override"];
/// Another target or host. No request may have one, whatever its host.
pub const TARGET: [&str; 5] = [
    "x-original-url",
    "x-rewrite-url",
    "x-original-uri",
    "x-forwarded-host",
    "x-original-host",
];
/// What proxies say of the request as it came to them. Beside a mapping it would be read for the request itself.
pub const AS_FORWARDED: [&str; 4] = [
    "x-forwarded-method",
    "x-original-method",
    "x-forwarded-uri",
    "x-forwarded-prefix",
];
