use std::path::PathBuf;

use super::*;
use crate::cli::exec::user::Known;

fn around(found: &[(&str, &str)]) -> Surroundings {
    surroundings(found, None)
}

fn surroundings(found: &[(&str, &str)], user: Option<&User>) -> Surroundings {
    let wiring = Wiring {
        proxy: SocketAddr::from(([127, 0, 0, 1], 8080)),
        secure: false,
        credentials: None,
        public: PathBuf::from("/public"),
    };
    let preloads = Preloads {
        node: PathBuf::from("/public/a \"b\"/preload.cjs"),
        python: PathBuf::from("/public/python"),
    };
    let control = SocketAddr::from(([127, 0, 0, 1], 8081));
    let found = found.iter().map(|(name, value)| (name.into(), value.into()));
    Surroundings::new(&wiring, Some(&preloads), control, user, found)
}

fn value<'a>(surroundings: &'a Surroundings, name: &str) -> &'a str {
    surroundings.set.get(OsStr::new(name)).unwrap().to_str().unwrap()
}

#[test]
fn what_leads_round_us_is_taken_out_and_said() {
    let found = [
        ("all_proxy", "socks5://elsewhere:1080"),
        ("GRPC_PROXY", "http://elsewhere"),
        ("NO_PROXY", "localhost, api.stripe.com,10.0.0.0/8"),
        ("no_proxy", "*"),
        ("HTTPS_PROXY", "http://user:secret@corporate:3128"),
        ("RUNPLANE_KEY", "rp_owner"),
        ("RUNPLANE_AGENT_KEY", "rp_agent"),
        ("PATH", "/bin"),
    ];
    let around = around(&found);
    let removed: Vec<_> = around.removed.iter().map(|name| name.to_str().unwrap()).collect();
    assert_eq!(
        removed,
        ["GRPC_PROXY", "RUNPLANE_AGENT_KEY", "RUNPLANE_KEY", "all_proxy"]
    );
    for name in ["NO_PROXY", "no_proxy"] {
        assert_eq!(value(&around, name), NO_PROXY);
    }
    assert_eq!(
        around.lines,
        [
            "left out GRPC_PROXY, all_proxy: they lead round the proxy",
            "left out of NO_PROXY: *, 10.0.0.0/8, api.stripe.com",
            "replaced HTTPS_PROXY",
        ]
    );
}

#[test]
fn what_others_have_to_say_is_kept() {
    let around = around(&[
        ("JAVA_TOOL_OPTIONS", "-Xmx1g"),
        ("NODE_OPTIONS", "--max-old-space-size=512"),
        ("PYTHONPATH", "/mine:/yours"),
    ]);
    assert!(value(&around, "JAVA_TOOL_OPTIONS").starts_with("-Xmx1g -Dhttp.proxyHost=127.0.0.1 "));
    assert_eq!(
        value(&around, "NODE_OPTIONS"),
        r#"--max-old-space-size=512 --require "/public/a \"b\"/preload.cjs""#
    );
    assert_eq!(value(&around, "PYTHONPATH"), "/public/python:/mine:/yours");
    assert!(around.lines.is_empty(), "{:?}", around.lines);
}

#[test]
fn another_user_has_a_home_of_its_own() {
    let known = Known {
        name: "bot".to_owned(),
        home: "/home/bot".to_owned(),
    };
    let user = User {
        uid: 1000,
        gid: 1000,
        known: Some(known),
    };
    let around = surroundings(&[("HOME", "/root"), ("USER", "root")], Some(&user));
    assert_eq!((value(&around, "HOME"), value(&around, "USER")), ("/home/bot", "bot"));
}
